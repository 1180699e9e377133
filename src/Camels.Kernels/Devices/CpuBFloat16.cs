using System.Runtime.Intrinsics.X86;
using Camels.Kernels.Interop;

namespace Camels.Kernels;

/// <summary>How this machine's processor multiplies matrices of bfloat16: with its own instruction, or in single precision.</summary>
public static unsafe class CpuBFloat16
{
    static CpuBFloat16()
    {
        string? missing =
            !CpuPath.UsesVector512 ? "AVX-512 is missing or switched off"
            : !HasInstruction ? "this processor has no AVX512-BF16"
            : CpuLibrary.PairTile.IsNone ? $"{CpuLibrary.FileName} is not beside the program: dotnet build makes it where clang++ or g++ knows AVX512-BF16"
            : !AddsInOrder(CpuLibrary.PairTile) ? "this processor's vdpbf16ps adds in another order than is documented"
            : null;
        Tile = missing is null ? CpuLibrary.PairTile : default;
        Description = missing is null ? "AVX512-BF16 dot products (native/cpu)" : $"single precision after widening (managed): {missing}";
    }

    /// <summary>True where products of bfloat16 use dot products of pairs.</summary>
    public static bool UsesDotProducts => !Tile.IsNone;

    /// <summary>Which way is taken and, if it is not the fast one, why: for people.</summary>
    public static string Description { get; }

    /// <summary>The tile that products of bfloat16 take; none where they are computed in single precision.</summary>
    internal static CpuPairTile Tile { get; }

    /// <summary>True where the processor has AVX512-BF16: CPUID leaf 7, subleaf 1, EAX bit 5.</summary>
    internal static bool HasInstruction =>
        X86Base.IsSupported && X86Base.CpuId(7, 0).Eax >= 1 && (X86Base.CpuId(7, 1).Eax & (1 << 5)) != 0;

    /// <summary>Computes dot products in registers, where <see cref="UsesDotProducts"/>: the ceiling of bfloat16 matrix products.</summary>
    public static void RunDotProducts(long iterations) => CpuLibrary.RunPairPeak(iterations);

    /// <summary>Operations of <see cref="RunDotProducts"/>: additions and multiplications.</summary>
    public static double DotProductOperations(long iterations) => (double)iterations * CpuLibrary.PairPeakOperations;

    /// <summary>True where a tile gives the bits of one chain of fused multiply-adds in the order of k.</summary>
    internal static bool AddsInOrder(CpuPairTile tile)
    {
        const int Pairs = 61;
        const uint Signs = 0x8000_8000, Fractions = 0x007F_007F, Exponents = 0x0003_0003, Half = 0x3F00_3F00;
        float* panels = stackalloc float[Pairs * (CpuTile.Rows + CpuTile.Columns)];
        uint random = 1;
        for (int i = 0; i < Pairs * (CpuTile.Rows + CpuTile.Columns); i++)
        {
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            panels[i] = BitConverter.UInt32BitsToSingle((random & (Signs | Fractions)) | (Half + (((random >> 8) & Exponents) << 7)));
        }

        byte** lines = stackalloc byte*[Pairs / CpuTile.StepsPerRound];
        float* sums = stackalloc float[2 * CpuTile.Elements];
        Run(tile, sums);
        Run(CpuLibrary.SpelledOutPairTile, sums + CpuTile.Elements);
        return new ReadOnlySpan<uint>(sums, CpuTile.Elements).SequenceEqual(new ReadOnlySpan<uint>(sums + CpuTile.Elements, CpuTile.Elements));

        void Run(CpuPairTile tile, float* c) => tile.Run(
            c, CpuTile.Columns, a: panels, b: panels + (Pairs * CpuTile.Rows), skip: 0, steps: 2 * Pairs, CpuTile.Columns, accumulate: false,
            merges: 0, next: (byte*)panels, nextStride: 0, lines);
    }
}
