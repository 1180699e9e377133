namespace Camels.Engine.Data;

/// <summary>Watches what comes out of an archive: how much of it, and whether it is what was put in.</summary>
internal abstract class Expansion
{
    private const long FreeBytes = 64 << 20;
    private const long LargestRatio = 200;

    private long _unpackedBytes;
    private long _packedBytes;

    /// <summary>
    /// Takes note of unpacked bytes (none: the end) and returns how many packed ones they cost. Throws (exit code 3) where a small archive
    /// becomes a huge file, as one made to fill a disk does.
    /// </summary>
    public long Take(string name, ReadOnlySpan<byte> unpacked)
    {
        _unpackedBytes += unpacked.Length;
        long packedBefore = _packedBytes;
        _packedBytes = PackedBytes(_unpackedBytes);
        if (_unpackedBytes > FreeBytes && _unpackedBytes / LargestRatio > _packedBytes)
        {
            throw CamelsException.BadInput($"{name} grows to more than {LargestRatio} times its size when it is unpacked, which data does not. "
                + "If it is what you want, unpack it and give the file.");
        }

        Check(name, unpacked, _unpackedBytes);
        return _packedBytes - packedBefore;
    }

    /// <summary>Bytes of the archive that the first so many unpacked ones took.</summary>
    protected abstract long PackedBytes(long unpackedBytes);

    /// <summary>Throws where the bytes are not what the archive says.</summary>
    protected abstract void Check(string name, ReadOnlySpan<byte> unpacked, long unpackedBytes);
}

/// <summary>A .gz; its stream checks the sums itself and that no member is cut short, but not that members are all there is.</summary>
internal sealed class GzipExpansion(GzipFile file) : Expansion
{
    protected override long PackedBytes(long unpackedBytes) => file.Position;

    protected override void Check(string name, ReadOnlySpan<byte> unpacked, long unpackedBytes)
    {
        if (unpacked.IsEmpty)
        {
            file.RequireWhole(name);
        }
    }
}

/// <summary>An entry of a .zip with the size, packed size and sum that the archive gives for it.</summary>
internal sealed class ZipExpansion(long size, long packedSize, uint sum) : Expansion
{
    private static readonly uint[] _table = MakeTable();

    private uint _remainder = uint.MaxValue;

    protected override long PackedBytes(long unpackedBytes) => size == 0 ? packedSize : (long)((double)unpackedBytes / size * packedSize);

    protected override void Check(string name, ReadOnlySpan<byte> unpacked, long unpackedBytes)
    {
        foreach (byte value in unpacked)
        {
            _remainder = _table[(byte)_remainder ^ value] ^ (_remainder >> 8);
        }

        bool isAtEnd = unpacked.IsEmpty;
        if (unpackedBytes > size || (isAtEnd && (unpackedBytes != size || ~_remainder != sum)))
        {
            throw CamelsException.BadInput($"{name} is damaged: what is unpacked has not the size and the CRC-32 that the archive gives.");
        }
    }

    // CRC-32 as ZIP has it: polynomial 0x04C11DB7, bits reversed.
    private static uint[] MakeTable()
    {
        uint[] table = new uint[256];
        for (uint i = 0; i < table.Length; i++)
        {
            uint remainder = i;
            for (int bit = 0; bit < 8; bit++)
            {
                remainder = (remainder & 1) == 0 ? remainder >> 1 : 0xEDB88320 ^ (remainder >> 1);
            }

            table[i] = remainder;
        }

        return table;
    }
}
