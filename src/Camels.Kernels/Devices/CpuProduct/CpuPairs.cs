using Camels.Kernels.Interop;

namespace Camels.Kernels;

/// <summary>
/// How the left and the right panels of a tile hold steps of k: one step an element in single precision, or, where there is a tile for it, two
/// steps of bfloat16 an element, of which a run may begin with the second and end with the first.
/// </summary>
/// <param name="tile">Computes pairs; none where elements are singles.</param>
/// <param name="startsInHalf">The first element's first step does not belong to the run.</param>
/// <param name="endsInHalf">The last element's second step does not belong to the run.</param>
internal readonly unsafe struct CpuPairs(CpuPairTile tile, bool startsInHalf = false, bool endsInHalf = false)
{
    /// <summary>True where elements are singles.</summary>
    public bool IsNone => tile.IsNone;

    /// <summary>Steps of an element, as a shift.</summary>
    public int Shift => IsNone ? 0 : 1;

    /// <summary>The element with step <paramref name="step"/>.</summary>
    public int ElementOf(int step) => step >> Shift;

    /// <summary>One past the last element with steps below <paramref name="step"/>.</summary>
    public int EndOf(int step) => (step + Shift) >> Shift;

    /// <summary>The elements with steps <paramref name="start"/> … <paramref name="end"/> − 1.</summary>
    public CpuPairs Between(int start, int end) => new(tile, (start & Shift) != 0, (end & Shift) != 0);

    /// <summary>See <see cref="CpuTile"/>; <paramref name="count"/> elements.</summary>
    public void Run(float* c, nint stride, in CpuLeft left, float* b, nint count, int columns, bool accumulate, int merges) => tile.Run(
        c, stride, left.Start, b, startsInHalf ? 1 : 0, (2 * count) - (startsInHalf ? 1 : 0) - (endsInHalf ? 1 : 0), columns, accumulate, merges,
        left.Next, left.NextStride, left.Lines);
}
