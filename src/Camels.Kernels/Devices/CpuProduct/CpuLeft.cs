namespace Camels.Kernels;

/// <summary>Eight vectors of the left factor as the tile reads them: packed side by side, or where they lie.</summary>
internal readonly unsafe struct CpuLeft
{
    private const int StepsAhead = 32;      // some hundred cycles: the latency of memory

    private CpuLeft(float* start, nint rowStride, nint step, nint ahead)
    {
        Start = start;
        RowStride = rowStride;
        Step = step;
        Ahead = ahead;
    }

    /// <summary>The first vector's first element.</summary>
    public float* Start { get; }

    /// <summary>Elements from one vector to the next.</summary>
    public nint RowStride { get; }

    /// <summary>Elements from one step of k to the next.</summary>
    public nint Step { get; }

    /// <summary>Elements from here to what is read after this, which is fetched into the second cache meanwhile.</summary>
    public nint Ahead { get; }

    /// <summary>A packed panel, from step <paramref name="k"/> on.</summary>
    public static CpuLeft Packed(float* panel, nint steps, int k) =>
        new(panel + (k * CpuTile.Rows), rowStride: 1, step: CpuTile.Rows, ahead: CpuTile.Rows * steps);

    /// <summary>Eight vectors of a matrix of singles. Far ahead is only looked where memory is not read in sequence.</summary>
    public static CpuLeft InPlace(CpuOperand source) => source.ChainOutermost
        ? new((float*)source.Address, rowStride: 1, step: source.Stride, ahead: StepsAhead * source.Stride)
        : new((float*)source.Address, source.Stride, step: 1, ahead: 0);

    /// <summary>The same from a later vector on.</summary>
    public CpuLeft FromRow(int row) => new(Start + (row * RowStride), RowStride, Step, Ahead);
}
