using System.Runtime.InteropServices;

namespace Camels.Kernels.Interop;

/// <summary>What is at the end of a path.</summary>
public enum PathKind
{
    /// <summary>Nothing yet, or nothing that can be seen.</summary>
    Nothing,

    /// <summary>A regular file.</summary>
    File,

    /// <summary>A folder.</summary>
    Folder,

    /// <summary>A device, a pipe, a socket, or a circle of links.</summary>
    Other,
}

/// <summary>What .NET cannot say about a path: whether a file is a regular one without opening it, and where links lead.</summary>
public static partial class PathFacts
{
    private const int CurrentFolder = -100;         // linux/fcntl.h
    private const uint AskForType = 1;              // linux/stat.h, as the three below
    private const int StatusBytes = 256;
    private const int ModeOffset = 28;
    private const int TypeMask = 0xF000;
    private const int FileType = 0x8000;
    private const int FolderType = 0x4000;
    private const int NoSuchEntry = 2;
    private const int PermissionDenied = 13;
    private const int NotAFolder = 20;
    private const int TooManyLinks = 40;
    private const int MostLinks = 40;

    /// <summary>What a path leads to through all links. Nothing is opened.</summary>
    public static PathKind KindOf(string path)
    {
        if (OperatingSystem.IsLinux())
        {
            Span<byte> status = stackalloc byte[StatusBytes];
            if (statx(CurrentFolder, path, flags: 0, AskForType, ref status[0]) == 0)
            {
                return (BitConverter.ToUInt16(status[ModeOffset..]) & TypeMask) switch
                {
                    FileType => PathKind.File,
                    FolderType => PathKind.Folder,
                    _ => PathKind.Other,
                };
            }

            switch (Marshal.GetLastPInvokeError())
            {
                case NoSuchEntry or PermissionDenied or NotAFolder:
                    return PathKind.Nothing;
                case TooManyLinks:
                    return PathKind.Other;
                default:
                    break;      // a sandbox that does not know the call
            }
        }

        return Directory.Exists(path) ? PathKind.Folder : File.Exists(path) ? PathKind.File : PathKind.Nothing;
    }

    /// <summary>
    /// The path that a file has, or will have, without links, as the system resolves them; .NET takes "..", after a link to a folder, for
    /// the folder in which the link is.
    /// </summary>
    public static string Resolve(string path)
    {
        path = Path.GetFullPath(path);
        for (int links = 0; links < MostLinks; links++)
        {
            if (RealPath(path) is string found)
            {
                return found;
            }

            // Not there: a name in a folder, or a link to such a name.
            string folder = Path.GetDirectoryName(path) ?? path;
            path = Path.Combine(RealPath(folder) ?? folder, Path.GetFileName(path));
            if (new FileInfo(path).LinkTarget is not string next)
            {
                return path;
            }

            path = Path.Combine(Path.GetDirectoryName(path)!, next);
        }

        return path;
    }

    private static string? RealPath(string path) => OperatingSystem.IsWindows()
        ? (Path.Exists(path) ? File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path : null)
        : realpath(path, buffer: 0);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int statx(int folder, string path, int flags, uint mask, ref byte status);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial string? realpath(string path, nint buffer);
}
