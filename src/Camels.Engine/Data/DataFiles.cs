using System.IO.Compression;
using System.IO.Enumeration;
using System.Security.Cryptography;

namespace Camels.Engine.Data;

/// <summary>Finding, opening and hashing of data files, with the errors of the contract.</summary>
internal static class DataFiles
{
    public const string GzipExtension = ".gz";
    public const string ZipExtension = ".zip";

    private const int MostEntries = 100_000;

    /// <summary>
    /// The files below a folder whose path inside it <paramref name="isWanted"/>, in ordinal order of that path. Linked files are followed,
    /// linked folders and hidden ones are not.
    /// </summary>
    public static string[] Below(string folder, Func<string, bool> isWanted)
    {
        EnumerationOptions options = new()
        {
            RecurseSubdirectories = true,
            AttributesToSkip = FileAttributes.Hidden,
            IgnoreInaccessible = false,
        };
        FileSystemEnumerable<string> files = new(folder, (ref entry) => entry.ToFullPath(), options)
        {
            ShouldIncludePredicate = (ref entry) => !entry.IsDirectory,
            ShouldRecursePredicate = (ref entry) => !entry.Attributes.HasFlag(FileAttributes.ReparsePoint),
        };
        try
        {
            return [.. files.Where(file => isWanted(RelativeTo(folder, file))).OrderBy(file => RelativeTo(folder, file), StringComparer.Ordinal)];
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw CamelsException.BadInput($"{folder}: cannot be listed: {failure.Message}", failure);
        }
    }

    /// <summary>Throws (exit code 2) where <paramref name="output"/> lies in a source's folder: what is written there would be read as data.</summary>
    public static void RequireOutside(string output, IEnumerable<DataSource> sources)
    {
        foreach (string folder in sources.Select(source => source.Path).Where(Directory.Exists))
        {
            string inside = Path.GetRelativePath(folder, output);
            if (!Path.IsPathRooted(inside) && inside.Split(Path.DirectorySeparatorChar)[0] != "..")
            {
                throw CamelsException.Usage($"output {output} lies in {folder}, whose files are the data; name another output");
            }
        }
    }

    /// <summary>
    /// Opens what the input's files hold, one after another; a .zip gives its entries in ordinal order of their names. Each is valid until the
    /// next.
    /// </summary>
    /// <param name="input">The input.</param>
    /// <param name="countsBytes">Whether this reading is the one that progress counts.</param>
    public static IEnumerable<DataFile> OpenAll(DatasetInput input, bool countsBytes = true)
    {
        DatasetInput? progress = countsBytes ? input : null;
        foreach (string path in input.Files)
        {
            using FileStream stream = OpenRead(path);
            byte[] head = Head(path, stream);
            if (FileKind.IsZip(head))
            {
                foreach (DataFile entry in Entries(path, stream, input, progress))
                {
                    using (entry)
                    {
                        yield return entry;
                    }
                }

                continue;
            }

            using DataFile file = FileKind.IsGzip(head) ? Unpacked(path, stream, progress) : new DataFile(path, stream, expansion: null, progress);
            yield return file;
        }
    }

    /// <summary>Opens for sequential reading; a missing or unreadable file, and a pipe, is exit code 3.</summary>
    public static FileStream OpenRead(string path)
    {
        FileStream stream;
        try
        {
            stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw CamelsException.BadInput($"{path}: cannot be opened: {failure.Message}", failure);
        }

        if (!stream.CanSeek)
        {
            stream.Dispose();
            throw CamelsException.BadInput($"{path}: is a pipe, and data is read more than once; give a file.");
        }

        return stream;
    }

    /// <summary>SHA-256 of the file's bytes, lower-case hex.</summary>
    public static string Sha256(string path)
    {
        using FileStream stream = OpenRead(path);
        try
        {
            return Convert.ToHexStringLower(SHA256.HashData(stream));
        }
        catch (IOException failure)
        {
            throw CamelsException.BadInput($"{path}: cannot be read: {failure.Message}", failure);
        }
    }

    /// <summary>Writes a small new file down to the disk; a full or unwritable disk is exit code 5.</summary>
    public static void Write(string path, ReadOnlySpan<byte> bytes)
    {
        using TokenFileWriter<byte> writer = new(path);
        writer.Write(bytes);
        writer.Seal();
    }

    private static string RelativeTo(string folder, string file) => Path.GetRelativePath(folder, file).Replace('\\', '/');

    private static byte[] Head(string path, FileStream stream)
    {
        try
        {
            byte[] head = new byte[FileKind.HeadBytes];
            int read = stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
            stream.Position = 0;
            return head[..read];
        }
        catch (IOException failure)
        {
            throw CamelsException.BadInput($"{path}: cannot be read: {failure.Message}", failure);
        }
    }

    private static DataFile Unpacked(string path, FileStream stream, DatasetInput? progress)
    {
        GzipFile packed = new(stream.SafeFileHandle);
        return new DataFile(path, new GZipStream(packed, CompressionMode.Decompress), new GzipExpansion(packed), progress);
    }

    private static IEnumerable<DataFile> Entries(string path, FileStream stream, DatasetInput input, DatasetInput? progress)
    {
        using ZipArchive archive = OpenArchive(path, stream, out ZipArchiveEntry[] entries);
        ZipArchiveEntry[] wanted = [.. entries.Where(entry => IsWanted(entry.FullName, input.Extensions))];
        ZipArchiveEntry[] named = [.. wanted.Where(entry => DatasetFormat.IsNamed(entry.FullName, input.FileNames))];
        if (wanted.Length == 0)
        {
            throw CamelsException.BadInput($"{path}: the archive has no {string.Join(" or ", input.Extensions)} file.");
        }

        // An archive that has none of the publisher's names is somebody's own, who means all of it.
        foreach (ZipArchiveEntry entry in named.Length > 0 ? named : wanted)
        {
            string name = $"{path}/{entry.FullName}";
            yield return new DataFile(
                name, OpenEntry(name, entry), new ZipExpansion(entry.Length, entry.CompressedLength, entry.Crc32), progress);
        }
    }

    // Archives are wanted too, so that the reader can say that it does not read them. Names with a dot or of macOS' own are hidden.
    private static bool IsWanted(string name, IReadOnlyList<string> extensions) =>
        DatasetFormat.IsAmong([.. extensions, GzipExtension, ZipExtension], Path.GetExtension(name))
        && !name.Split('/').Any(part => part.StartsWith('.') || part == "__MACOSX");

    private static ZipArchive OpenArchive(string path, FileStream stream, out ZipArchiveEntry[] entries)
    {
        try
        {
            ZipArchive archive = new(stream, ZipArchiveMode.Read, leaveOpen: true);
            entries = [.. archive.Entries.OrderBy(entry => entry.FullName, StringComparer.Ordinal)];
            RequireSafe(path, entries);
            return archive;
        }
        catch (Exception failure) when (failure is IOException or InvalidDataException or ArgumentException)
        {
            throw CamelsException.BadInput($"{path}: is damaged or cut short, so it cannot be unpacked.", failure);
        }
    }

    // Nothing is unpacked to the disk, but an archive with such names was not made by a publisher.
    private static void RequireSafe(string path, ZipArchiveEntry[] entries)
    {
        if (entries.Length > MostEntries)
        {
            throw CamelsException.BadInput($"{path} has {entries.Length} entries, expected at most {MostEntries}; unpack it and give the folder.");
        }

        foreach (ZipArchiveEntry entry in entries)
        {
            string name = entry.FullName;
            if (name.StartsWith('/') || name.AsSpan().IndexOfAny('\\', ':') >= 0 || name.Split('/').Contains("..") || name.Any(char.IsControl))
            {
                string shown = string.Concat(name.Select(letter => char.IsControl(letter) ? '?' : letter));
                throw CamelsException.BadInput($"{path}: entry \"{shown}\" leads out of the archive or has an unsafe name; the archive is refused.");
            }

            if (entry.IsEncrypted)
            {
                throw CamelsException.BadInput($"{path}: entry \"{name}\" is encrypted; unpack the archive and give the folder.");
            }
        }
    }

    private static Stream OpenEntry(string name, ZipArchiveEntry entry)
    {
        try
        {
            return entry.Open();
        }
        catch (Exception failure) when (failure is IOException or InvalidDataException or NotSupportedException)
        {
            throw CamelsException.BadInput($"{name}: cannot be unpacked: {failure.Message}", failure);
        }
    }
}
