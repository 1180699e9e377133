using System.Buffers.Binary;
using System.Text;

namespace Camels.Engine.Checkpoints;

/// <summary>
/// Where the uncompressed entries of a zip archive lie, so that they can be mapped: .NET's own reader copies what it reads. ZIP64 included
/// (APPNOTE.TXT 6.3).
/// </summary>
internal sealed class ZipDirectory
{
    private const uint EndSignature = 0x06054b50;
    private const uint End64Signature = 0x06064b50;
    private const uint Locator64Signature = 0x07064b50;
    private const uint EntrySignature = 0x02014b50;
    private const uint LocalSignature = 0x04034b50;
    private const int EndBytes = 22;
    private const int End64Bytes = 56;
    private const int Locator64Bytes = 20;
    private const int EntryBytes = 46;
    private const int LocalBytes = 30;
    private const int LongestComment = ushort.MaxValue;
    private const int MaximumDirectoryBytes = 64 << 20;

    private readonly MappedFile _file;
    private readonly Dictionary<string, (long Offset, long Bytes)> _entries = new(StringComparer.Ordinal);

    private ZipDirectory(MappedFile file) => _file = file;

    /// <summary>First byte and length of each entry.</summary>
    public IReadOnlyDictionary<string, (long Offset, long Bytes)> Entries => _entries;

    /// <summary>True where the file begins as zip archives do.</summary>
    public static bool IsZip(MappedFile file) =>
        file.Length >= sizeof(uint) && BinaryPrimitives.ReadUInt32LittleEndian(file.Bytes(0, sizeof(uint))) == LocalSignature;

    /// <summary>Reads and checks the directory at the end of the file.</summary>
    /// <exception cref="CamelsException">It is malformed, or an entry is compressed or encrypted: exit code 3.</exception>
    public static ZipDirectory Read(MappedFile file)
    {
        ZipDirectory directory = new(file);
        directory.ReadEntries();
        return directory;
    }

    private void ReadEntries()
    {
        (long start, long bytes) = FindDirectory();
        if (bytes > MaximumDirectoryBytes)
        {
            throw Broken("its directory is longer than any list of tensors");
        }

        ReadOnlySpan<byte> rest = Bytes(start, (int)bytes);
        while (rest.Length > 0)
        {
            if (rest.Length < EntryBytes || U32(rest) != EntrySignature)
            {
                throw Broken("its directory is damaged");
            }

            int nameBytes = U16(rest[28..]);
            int extraBytes = U16(rest[30..]);
            int wholeBytes = EntryBytes + nameBytes + extraBytes + U16(rest[32..]);
            if (rest.Length < wholeBytes)
            {
                throw Broken("its directory is cut short");
            }

            string name = Encoding.UTF8.GetString(rest.Slice(EntryBytes, nameBytes));
            Add(name, rest, rest.Slice(EntryBytes + nameBytes, extraBytes));
            rest = rest[wholeBytes..];
        }
    }

    private void Add(string name, ReadOnlySpan<byte> entry, ReadOnlySpan<byte> extra)
    {
        const int Encrypted = 1;
        if (U16(entry[10..]) != 0 || (U16(entry[8..]) & Encrypted) != 0)
        {
            throw Broken("an entry is compressed or encrypted, which torch.save never does");
        }

        long bytes = U32(entry[24..]);
        long stored = U32(entry[20..]);
        long offset = U32(entry[42..]);
        ReadLarge(extra, ref bytes, ref stored, ref offset);
        ReadOnlySpan<byte> local = Bytes(offset, LocalBytes);
        if (U32(local) != LocalSignature || bytes != stored)
        {
            throw Broken("an entry is not where its directory says");
        }

        offset += LocalBytes + U16(local[26..]) + U16(local[28..]);
        if (bytes < 0 || offset > _file.Length - bytes)
        {
            throw Broken("an entry ends after the file");
        }

        if (!_entries.TryAdd(name, (offset, bytes)))
        {
            throw Broken("it has two entries of one name");
        }
    }

    // The ZIP64 field holds, in this order, those of the three numbers that do not fit 32 bits.
    private static void ReadLarge(ReadOnlySpan<byte> extra, ref long bytes, ref long stored, ref long offset)
    {
        const int Zip64 = 1;
        while (extra.Length >= 4)
        {
            int length = Math.Min(U16(extra[2..]), extra.Length - 4);
            ReadOnlySpan<byte> field = extra.Slice(4, length);
            if (U16(extra) == Zip64)
            {
                Take(ref field, ref bytes);
                Take(ref field, ref stored);
                Take(ref field, ref offset);
            }

            extra = extra[(4 + length)..];
        }

        static void Take(ref ReadOnlySpan<byte> field, ref long number)
        {
            if (number == uint.MaxValue && field.Length >= sizeof(long))
            {
                number = BinaryPrimitives.ReadInt64LittleEndian(field);
                field = field[sizeof(long)..];
            }
        }
    }

    private (long Start, long Bytes) FindDirectory()
    {
        int tailBytes = (int)Math.Min(_file.Length, EndBytes + LongestComment);
        long tailStart = _file.Length - tailBytes;
        ReadOnlySpan<byte> tail = Bytes(tailStart, tailBytes);
        for (int at = tailBytes - EndBytes; at >= 0; at--)
        {
            ReadOnlySpan<byte> end = tail[at..];
            if (U32(end) == EndSignature)
            {
                long start = U32(end[16..]);
                long bytes = U32(end[12..]);
                return start == uint.MaxValue || bytes == uint.MaxValue ? FindDirectory64(tailStart + at) : (start, bytes);
            }
        }

        throw Broken("it ends before its directory");
    }

    private (long Start, long Bytes) FindDirectory64(long end)
    {
        ReadOnlySpan<byte> locator = Bytes(end - Locator64Bytes, Locator64Bytes);
        long at = BinaryPrimitives.ReadInt64LittleEndian(locator[8..]);
        ReadOnlySpan<byte> end64 = Bytes(at, End64Bytes);
        return U32(locator) == Locator64Signature && U32(end64) == End64Signature
            ? (BinaryPrimitives.ReadInt64LittleEndian(end64[48..]), BinaryPrimitives.ReadInt64LittleEndian(end64[40..]))
            : throw Broken("its directory is damaged");
    }

    private ReadOnlySpan<byte> Bytes(long offset, int count) => offset >= 0 && count >= 0 && offset <= _file.Length - count
        ? _file.Bytes(offset, count)
        : throw Broken("its directory points outside the file");

    private CamelsException Broken(string problem) =>
        CamelsException.BadInput($"{_file.Path} is a damaged zip archive: {problem}; copy it again");

    private static int U16(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    private static uint U32(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt32LittleEndian(bytes);
}
