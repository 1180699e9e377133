using System.Runtime.InteropServices;

namespace Camels.Kernels.Interop;

/// <summary>Advice to the operating system about the pages of large host blocks.</summary>
internal static partial class HostPages
{
    private const int MadviseHugePage = 14;         // linux/mman.h
    private const nint PageBytes = 4096;

    /// <summary>
    /// Asks Linux for pages of 2 MiB, where their use is left to the program: a walk across the rows of a matrix then misses no translation.
    /// It is advice, so what comes back does not matter; other systems are not asked.
    /// </summary>
    public static void PreferLarge(nint address, long bytes)
    {
        if (OperatingSystem.IsLinux())
        {
            nint start = (address + PageBytes - 1) & -PageBytes;
            _ = madvise(start, (nuint)Math.Max(0, address + bytes - start), MadviseHugePage);
        }
    }

    [LibraryImport("libc")]
    private static partial int madvise(nint address, nuint bytes, int advice);
}
