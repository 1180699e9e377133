namespace Camels.Engine;

/// <summary>What opening a file says that another process has locked.</summary>
internal static class FileLock
{
    // EAGAIN on Linux, EWOULDBLOCK on macOS, a sharing violation on Windows.
    private static readonly int[] _codes = [11, 35, 32];

    /// <summary>True where the file is locked; false for a disk that is read-only, full or faulty.</summary>
    public static bool IsTaken(IOException failure) => _codes.Contains(failure.HResult & 0xFFFF);
}
