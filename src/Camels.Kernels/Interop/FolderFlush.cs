using System.Runtime.InteropServices;

namespace Camels.Kernels.Interop;

/// <summary>Flushes a folder's entries to the disk, which .NET cannot do: it opens files only.</summary>
public static partial class FolderFlush
{
    private const int ReadOnlyCloseOnExec = 0x8_0000;
    private const int InvalidArgument = 22;

    /// <summary>Returns when the names in <paramref name="folder"/> are on the disk. Does nothing on systems other than Linux, and on file
    /// systems that have no flush for folders (EINVAL).</summary>
    /// <exception cref="IOException">The folder cannot be opened or flushed.</exception>
    public static void Flush(string folder)
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        int descriptor = Open(folder, ReadOnlyCloseOnExec);
        ThrowIfFailed(descriptor, "open", folder);
        int flushed = Fsync(descriptor);
        int error = Marshal.GetLastPInvokeError();
        ThrowIfFailed(Close(descriptor), "close", folder);
        if (error != InvalidArgument)
        {
            Marshal.SetLastPInvokeError(error);
            ThrowIfFailed(flushed, "flush", folder);
        }
    }

    private static void ThrowIfFailed(int result, string call, string folder)
    {
        if (result < 0)
        {
            throw new IOException($"cannot {call} the folder '{folder}': {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
