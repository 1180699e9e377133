using System.Globalization;

namespace Camels.Kernels;

/// <summary>The memory that programs on this machine may use together.</summary>
public static class HostMemory
{
    // The limits of a container, in the newer and in the older layout.
    private static readonly string[] _limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

    /// <summary>Bytes of the machine, or of the container around the program where that has a limit.</summary>
    public static long TotalBytes { get; } = Read();

    private static long Read()
    {
        long bytes = OfMachine() ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        foreach (string path in _limits)
        {
            if (FirstLine(path, "") is string text && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long limit))
            {
                bytes = Math.Min(bytes, limit);
            }
        }

        return bytes;
    }

    private static long? OfMachine()
    {
        const string Name = "MemTotal:";
        const string Unit = "kB";
        string? text = FirstLine("/proc/meminfo", Name)?[Name.Length..].Replace(Unit, "", StringComparison.Ordinal);
        return long.TryParse(text, NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out long kibibytes)
            ? kibibytes * 1024
            : null;
    }

    private static string? FirstLine(string path, string start)
    {
        try
        {
            return File.Exists(path) ? File.ReadLines(path).FirstOrDefault(line => line.StartsWith(start, StringComparison.Ordinal)) : null;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
