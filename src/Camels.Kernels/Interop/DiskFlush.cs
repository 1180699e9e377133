using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Camels.Kernels.Interop;

/// <summary>
/// Flushes files and folders to the disk, and says where that fails. .NET's own flush of a file calls fsync and drops its error (EIO, ENOSPC),
/// and of a folder it has none.
/// </summary>
public static partial class DiskFlush
{
    private const int ReadOnlyCloseOnExec = 0x8_0000;
    private const int Interrupted = 4;
    private const int InvalidArgument = 22;

    /// <summary>Returns when what was written to <paramref name="file"/> is on the disk.</summary>
    /// <exception cref="IOException">It is not: the disk is full or faulty.</exception>
    public static void File(FileStream file)
    {
        if (OperatingSystem.IsLinux())
        {
            file.Flush();
            Flush(file.SafeFileHandle, "file", file.Name);
        }
        else
        {
            file.Flush(flushToDisk: true);
        }
    }

    /// <summary>Returns when the names in <paramref name="folder"/> are on the disk. Does nothing on systems other than Linux.</summary>
    /// <exception cref="IOException">The folder cannot be opened or flushed.</exception>
    public static void Folder(string folder)
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        using SafeFileHandle handle = new(Open(folder, ReadOnlyCloseOnExec), ownsHandle: true);
        if (handle.IsInvalid)
        {
            throw Failed("open", "folder", folder, Marshal.GetLastPInvokeError());
        }

        Flush(handle, "folder", folder);
    }

    // A file system that has no flush answers EINVAL.
    private static void Flush(SafeFileHandle handle, string kind, string path)
    {
        int error;
        do
        {
            error = Fsync(handle) < 0 ? Marshal.GetLastPInvokeError() : 0;
        }
        while (error == Interrupted);

        if (error is not (0 or InvalidArgument))
        {
            throw Failed("flush", kind, path, error);
        }
    }

    private static IOException Failed(string call, string kind, string path, int error) =>
        new($"cannot {call} the {kind} '{path}': {Marshal.GetPInvokeErrorMessage(error)}");

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(SafeFileHandle descriptor);
}
