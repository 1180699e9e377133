using System.Runtime.InteropServices;

namespace Camels.Kernels.Interop;

/// <summary>Finds native libraries by name.</summary>
internal static class NativeLibraries
{
    /// <summary>The names under which the CUDA driver's library is searched, in order.</summary>
    public static string[] CudaNames { get; } = OperatingSystem.IsWindows() ? ["nvcuda.dll"] : ["libcuda.so.1", "libcuda.so"];

    /// <summary>Loads the first library of <paramref name="names"/> that the system finds; 0 where there is none.</summary>
    public static nint LoadFirst(ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            if (NativeLibrary.TryLoad(name, out nint library))
            {
                return library;
            }
        }

        return 0;
    }

    /// <summary>Loads a library that was built and published with this program; 0 where there is none.</summary>
    public static nint LoadBeside(string name) =>
        NativeLibrary.TryLoad(name, typeof(NativeLibraries).Assembly, DllImportSearchPath.AssemblyDirectory, out nint library) ? library : 0;

    /// <summary>The address of a function, 0 where the library has none of this name.</summary>
    public static nint Find(nint library, string function) => NativeLibrary.TryGetExport(library, function, out nint address) ? address : 0;
}
