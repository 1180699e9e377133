using Microsoft.Win32.SafeHandles;

namespace Camels.Engine.Data;

/// <summary>
/// The packed bytes of a .gz. <see cref="System.IO.Compression.GZipStream"/> ends without a word where no member begins behind another, and does not
/// say where that was: it has asked for more than it used. So the last bytes go out one by one. A member that ends with them makes it ask once
/// more; anything else, from which it turns away, does not. NULs up to the end of the file are padding, as gzip has it.
/// </summary>
internal sealed class GzipFile(SafeFileHandle handle) : FileStream(handle, FileAccess.Read, bufferSize: 0)
{
    private const int MostAtOnce = 8192;

    private long? _endOfData;
    private bool _isWhole;

    /// <summary>Asked at the end of what is unpacked: throws (exit code 3) where that was not all that the file holds.</summary>
    public void RequireWhole(string name)
    {
        if (!_isWhole)
        {
            throw CamelsException.BadInput($"{name} is damaged: behind one of its gzip members stands what is no member, so the rest cannot be unpacked.");
        }
    }

    public override int Read(byte[] buffer, int offset, int count)
    {
        long end = _endOfData ??= EndOfData();
        long position = Position;
        _isWhole |= position >= end;
        return base.Read(buffer, offset, Math.Min(count, position < end - MostAtOnce ? MostAtOnce : 1));
    }

    // Behind the last byte that is not NUL.
    private long EndOfData()
    {
        byte[] bytes = new byte[MostAtOnce];
        for (long end = Length; end > 0; end -= Math.Min(end, MostAtOnce))
        {
            Span<byte> block = bytes.AsSpan(0, (int)Math.Min(end, MostAtOnce));
            int read = RandomAccess.Read(SafeFileHandle, block, end - block.Length);
            int last = block[..read].LastIndexOfAnyExcept((byte)0);
            if (last >= 0)
            {
                return end - block.Length + last + 1;
            }
        }

        return 0;
    }
}
