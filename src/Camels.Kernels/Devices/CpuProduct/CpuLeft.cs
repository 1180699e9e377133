using System.Runtime.InteropServices;

namespace Camels.Kernels;

/// <summary>Eight vectors of the left factor as the tile reads them, packed side by side or where they lie, and what it fetches meanwhile.</summary>
internal readonly unsafe struct CpuLeft
{
    private const int StepsAhead = 32;      // some hundred cycles: the latency of memory
    private const int LineBytes = 64;
    private const int MostRounds = CpuChunk.StepsPerBlock / CpuTile.StepsPerRound;

    private static readonly byte** _noLines = NoLines();

    /// <summary>The first vector's first element.</summary>
    public float* Start { get; private init; }

    /// <summary>Elements from one vector to the next.</summary>
    public nint RowStride { get; private init; }

    /// <summary>Elements from one step of k to the next.</summary>
    public nint Step { get; private init; }

    /// <summary>A line of what is read after this, which the first round of steps fetches into the second cache.</summary>
    public byte* Next { get; private init; }

    /// <summary>Bytes from there to the line of the next round.</summary>
    public nint NextStride { get; private init; }

    /// <summary>What else is fetched: a line for each round of at most <see cref="CpuChunk.StepsPerBlock"/> steps, the same one unless given.</summary>
    public byte** Lines { get; private init; }

    /// <summary>What elements along k hold.</summary>
    public CpuPairs Pairs { get; private init; }

    /// <summary>A packed panel of so many steps, from step <paramref name="k"/> on.</summary>
    public static CpuLeft Packed(float* panel, nint steps, int k)
    {
        float* start = panel + (k * CpuTile.Rows);
        return new()
        {
            Start = start,
            RowStride = 1,
            Step = CpuTile.Rows,
            Next = (byte*)(start + (CpuTile.Rows * steps)),
            NextStride = LineBytes,
            Lines = _noLines,
        };
    }

    /// <summary>
    /// Eight vectors of a matrix of singles. The eight after them are fetched as if rows had no more steps than these; where steps are rows,
    /// a later one of them is.
    /// </summary>
    public static CpuLeft InPlace(CpuOperand source)
    {
        float* start = (float*)source.Address;
        nint stride = source.Stride;
        return source.ChainOutermost
            ? new()
            {
                Start = start,
                RowStride = 1,
                Step = stride,
                Next = (byte*)(start + (StepsAhead * stride)),
                NextStride = CpuTile.StepsPerRound * stride * sizeof(float),
                Lines = _noLines,
            }
            : new()
            {
                Start = start,
                RowStride = stride,
                Step = 1,
                Next = (byte*)(start + (CpuTile.Rows * stride)),
                NextStride = LineBytes,
                Lines = _noLines,
            };
    }

    /// <summary>The same with elements that hold <paramref name="pairs"/>.</summary>
    public CpuLeft Of(CpuPairs pairs) => this with { Pairs = pairs };

    /// <summary>
    /// The same for call <paramref name="call"/> of those that read these vectors for <paramref name="steps"/> steps each, fetching
    /// <paramref name="lines"/> meanwhile.
    /// </summary>
    public CpuLeft With(int call, int steps, byte** lines) => this with
    {
        Next = Next + (call * (NextStride == LineBytes ? steps / CpuTile.StepsPerRound * NextStride : NextStride / 2)),
        Lines = lines,
    };

    /// <summary>The same from a later step of k on.</summary>
    public CpuLeft FromStep(int step) => this with
    {
        Start = Start + (step * Step),
        Next = Next + (step / CpuTile.StepsPerRound * NextStride),
        Lines = Lines + (step / CpuTile.StepsPerRound),
    };

    /// <summary>The same from a later vector on.</summary>
    public CpuLeft FromRow(int row) => this with { Start = Start + (row * RowStride) };

    private static byte** NoLines()
    {
        byte** lines = (byte**)NativeMemory.Alloc(MostRounds, (nuint)sizeof(byte*));
        new Span<nint>(lines, MostRounds).Fill((nint)lines);
        return lines;
    }
}
