namespace Camels.Kernels.Interop;

/// <summary>
/// A register tile over pairs of bfloat16, a function of native/cpu/pair_tile.cpp: same packing, same call, whatever instructions it uses.
/// The default value stands for none.
/// </summary>
internal readonly unsafe struct CpuPairTile(nint function)
{
    /// <summary>True where products of bfloat16 are computed in single precision instead.</summary>
    public bool IsNone => function == 0;

    /// <summary>
    /// c (8, columns) from steps k of a (pairs, 8) and b (pairs, 48), the first of which lies in the lower halves where
    /// <paramref name="skip"/> is 1; the other arguments are those of <see cref="CpuTile"/>.
    /// </summary>
    public void Run(
        float* c, nint stride, float* a, float* b, int skip, nint steps, int columns, bool accumulate, int merges, byte* next, nint nextStride, byte** lines) =>
        ((delegate* unmanaged<float*, long, float*, float*, long, long, long, long, long, byte*, long, byte**, void>)function)(
            c, stride, a, b, skip, steps, columns, accumulate ? 1 : 0, merges, next, nextStride, lines);
}
