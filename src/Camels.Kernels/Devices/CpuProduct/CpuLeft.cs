namespace Camels.Kernels;

/// <summary>Eight vectors of the left factor as the tile reads them: packed side by side, or where they lie.</summary>
internal readonly unsafe struct CpuLeft
{
    private const int StepsAhead = 32;      // some hundred cycles: the latency of memory

    private CpuLeft(float* start, nint rowStride, nint step, nint ahead, CpuFetch also)
    {
        Start = start;
        RowStride = rowStride;
        Step = step;
        Ahead = ahead;
        Also = also;
    }

    /// <summary>The first vector's first element.</summary>
    public float* Start { get; }

    /// <summary>Elements from one vector to the next.</summary>
    public nint RowStride { get; }

    /// <summary>Elements from one step of k to the next.</summary>
    public nint Step { get; }

    /// <summary>Elements from here to what is read after this, which is fetched into the second cache meanwhile.</summary>
    public nint Ahead { get; }

    /// <summary>What else is fetched, once every two steps.</summary>
    public CpuFetch Also { get; }

    /// <summary>What elements along k hold.</summary>
    public CpuPairs Pairs { get; private init; }

    /// <summary>A packed panel, from step <paramref name="k"/> on.</summary>
    public static CpuLeft Packed(float* panel, nint steps, int k) =>
        new(panel + (k * CpuTile.Rows), rowStride: 1, step: CpuTile.Rows, ahead: CpuTile.Rows * steps, also: default);

    /// <summary>The same with elements that hold <paramref name="pairs"/>.</summary>
    public CpuLeft Of(CpuPairs pairs) => new(Start, RowStride, Step, Ahead, Also) { Pairs = pairs };

    /// <summary>Eight vectors of a matrix of singles. Far ahead is only looked where memory is not read in sequence.</summary>
    public static CpuLeft InPlace(CpuOperand source) => source.ChainOutermost
        ? new((float*)source.Address, rowStride: 1, step: source.Stride, ahead: StepsAhead * source.Stride, also: default)
        : new((float*)source.Address, source.Stride, step: 1, ahead: 0, also: default);

    /// <summary>The same, fetching something else meanwhile.</summary>
    public CpuLeft With(CpuFetch also) => new(Start, RowStride, Step, Ahead, also) { Pairs = Pairs };

    /// <summary>The same from a later step of k on.</summary>
    public CpuLeft FromStep(int step) => new(Start + (step * Step), RowStride, Step, Ahead, Also.FromStep(step)) { Pairs = Pairs };

    /// <summary>The same from a later vector on.</summary>
    public CpuLeft FromRow(int row) => new(Start + (row * RowStride), RowStride, Step, Ahead, Also);
}

/// <summary>Addresses in memory at a fixed distance, to be fetched into the second cache one by one while a tile computes.</summary>
internal readonly unsafe struct CpuFetch
{
    private const int StepsPerRound = 2;

    /// <param name="start">The first address.</param>
    /// <param name="strideBytes">From each to the next.</param>
    /// <param name="count">Number of addresses.</param>
    /// <param name="steps">Steps of k over which to spread them.</param>
    public CpuFetch(byte* start, nint strideBytes, int count, int steps)
    {
        Start = start;
        StrideBytes = strideBytes;
        Interval = Math.Max(StepsPerRound, steps / Math.Max(count, 1) / StepsPerRound * StepsPerRound);
    }

    private CpuFetch(byte* start, nint strideBytes, nint interval)
    {
        Start = start;
        StrideBytes = strideBytes;
        Interval = interval;
    }

    /// <summary>The first address.</summary>
    public byte* Start { get; }

    /// <summary>From each address to the next.</summary>
    public nint StrideBytes { get; }

    /// <summary>Steps of k from each to the next, an even number; 0 fetches nothing.</summary>
    public nint Interval { get; }

    /// <summary>The same from a later step of k on.</summary>
    public CpuFetch FromStep(int step) => Interval == 0 ? this : new(Start + (step / Interval * StrideBytes), StrideBytes, Interval);
}
