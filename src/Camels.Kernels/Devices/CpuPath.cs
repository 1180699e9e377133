using System.Numerics;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Camels.Kernels;

/// <summary>The instruction set that the CPU kernels run with: part of what equal bits are promised for.</summary>
public static class CpuPath
{
    /// <summary>"avx512", "avx2", "vector" (another vector unit) or "scalar".</summary>
    public static string Name =>
        UsesVector512 ? "avx512" : UsesVector256 ? "avx2" : Vector.IsHardwareAccelerated ? "vector" : "scalar";

    /// <summary>
    /// True where matrix product and attention use 512-bit registers with fused multiply-add. Vector512.IsHardwareAccelerated is not asked:
    /// it is false on processors that lower their clock for wide vectors, where dense kernels still gain.
    /// </summary>
    public static bool UsesVector512 => Avx512F.IsSupported && HasUsualVectors;

    /// <summary>True where they use 256-bit registers with fused multiply-add.</summary>
    public static bool UsesVector256 => !UsesVector512 && Avx2.IsSupported && Fma.IsSupported && HasUsualVectors;

    // Loops of either width go on with Vector<T>, which the runtime makes narrower or wider where it is told so (DOTNET_PreferredVectorBitWidth,
    // DOTNET_MaxVectorTBitWidth).
    private static bool HasUsualVectors => Vector<float>.Count == Vector256<float>.Count;
}
