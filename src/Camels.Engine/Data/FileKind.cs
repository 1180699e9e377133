namespace Camels.Engine.Data;

/// <summary>Tells by its first bytes what a file is; names are not asked.</summary>
internal static class FileKind
{
    /// <summary>As many bytes as tell all kinds apart.</summary>
    public const int HeadBytes = 512;

    private const int TarMarkOffset = 257;

    // What data is also published in, and what the reader of a message should do.
    private static readonly (byte[] Mark, string Kind)[] _unread =
    [
        ("PAR1"u8.ToArray(), "a Parquet file"),
        ("ARROW1"u8.ToArray(), "an Arrow file"),
        ("BZh"u8.ToArray(), "a bzip2 archive"),
        ([0xFD, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0], "an xz archive"),
        ([0x28, 0xB5, 0x2F, 0xFD], "a Zstandard archive"),
        ([(byte)'7', (byte)'z', 0xBC, 0xAF, 0x27, 0x1C], "a 7z archive"),
    ];

    public static bool IsGzip(ReadOnlySpan<byte> head) => head.StartsWith<byte>([0x1F, 0x8B]);

    // The second mark is that of an archive without entries.
    public static bool IsZip(ReadOnlySpan<byte> head) => head.StartsWith("PK\u0003\u0004"u8) || head.StartsWith("PK\u0005\u0006"u8);

    /// <summary>Throws (exit code 3) where the bytes begin something that is known not to be text.</summary>
    public static void RequireText(string name, ReadOnlySpan<byte> head, bool isUnpacked)
    {
        if (isUnpacked && (IsGzip(head) || IsZip(head)))
        {
            throw CamelsException.BadInput($"{name}: an archive inside an archive is not read; unpack the outer one first.");
        }

        if (head.Length > TarMarkOffset && head[TarMarkOffset..].StartsWith("ustar"u8))
        {
            throw Unread(name, "a tar archive");
        }

        foreach ((byte[] mark, string kind) in _unread)
        {
            if (head.StartsWith(mark))
            {
                throw Unread(name, kind);
            }
        }
    }

    private static CamelsException Unread(string name, string kind) =>
        CamelsException.BadInput($"{name} is {kind}, which is not read; give JSON, JSON Lines or TSV, plain, in a .gz or in a .zip.");
}
