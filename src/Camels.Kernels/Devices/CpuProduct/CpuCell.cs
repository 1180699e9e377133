using System.Numerics;

namespace Camels.Kernels;

/// <summary>What is computed for each 8 × 48 results of a tile over a block of k.</summary>
internal unsafe interface ICpuCell
{
    /// <summary>
    /// The results at (<paramref name="row"/>, <paramref name="column"/>) of the tile, of which <paramref name="rows"/> ×
    /// <paramref name="columns"/> exist, from the first <paramref name="steps"/> steps of left and panel.
    /// </summary>
    void Run(int row, int column, int rows, int columns, in CpuLeft left, float* panel, int steps);

    /// <summary>
    /// The lines that the results in rows <paramref name="row"/> … <paramref name="rowEnd"/> − 1 and columns <paramref name="column"/> …
    /// <paramref name="columnEnd"/> − 1 read or write, at most <paramref name="most"/>; returns their number.
    /// </summary>
    int Lines(byte** lines, int most, int row, int rowEnd, int column, int columnEnd);
}

/// <summary>
/// One chain over k for each result, which may continue that of an earlier block. Chains that end here pass the epilogue; those that begin here
/// too are never stored.
/// </summary>
internal unsafe struct CpuChainCell : ICpuCell
{
    public CpuTarget Result;
    public bool Fetches;
    public bool Accumulate;
    public CpuEpilogue Epilogue;

    public readonly int Lines(byte** lines, int most, int row, int rowEnd, int column, int columnEnd) =>
        Fetches ? Result.Lines(lines, most, row, rowEnd, column, columnEnd) : 0;

    public readonly void Run(int row, int column, int rows, int columns, in CpuLeft left, float* panel, int steps)
    {
        float* sums = Result.At(row, column);
        nint stride = Result.Stride;
        if (Epilogue.Exists && !Accumulate)
        {
            float* tile = stackalloc float[CpuTile.Elements];
            sums = tile;
            stride = CpuTile.Columns;
        }

        int* bounds = stackalloc int[] { 0, steps };
        CpuTile.Run(
            left, panel, new CpuSums { Start = Accumulate ? sums : null, StartStride = stride, Result = sums, Stride = stride, Bounds = bounds, Lanes = 1 },
            rows, columns);
        if (Epilogue.Exists)
        {
            Epilogue.Finish(sums, stride, row, column, rows, columns);
        }
    }
}

/// <summary>
/// The lanes of one group, a chain each, and as much of the tree over all lanes as they complete. A group's sum stays in a level of the worker's
/// memory until the last group is added to the result; so does the chain of a lane of several blocks.
/// </summary>
internal unsafe struct CpuLaneCell : ICpuCell
{
    public CpuTarget Result;
    public int* LaneBounds;
    public int Group;
    public int Groups;
    public int Lanes;               // of a group: a power of two
    public bool Continues;
    public bool Ends;
    public float* Levels;           // of the group's lanes, in the first cache
    public float* GroupLevels;
    public nint GroupLevelElements;

    private readonly bool IsLast => Ends && Group == Groups - 1;

    // Levels before this group, and those of them that its sum completes.
    private readonly int Height => BitOperations.PopCount((uint)Group);

    private readonly int Merges => Ends ? BitOperations.TrailingZeroCount(Group + 1) : 0;

    public readonly int Lines(byte** lines, int most, int row, int rowEnd, int column, int columnEnd)
    {
        int count = IsLast ? Result.Lines(lines, most, row, rowEnd, column, columnEnd) : 0;
        int end = Height + (Continues || !IsLast ? 1 : 0);
        for (int level = Height - Merges; level < end; level++)
        {
            count += new CpuTarget(GroupLevel(row, column, level), CpuTile.Columns).Lines(
                lines + count, most - count, row: 0, rowEnd - row, column: 0, columnEnd - column);
        }

        return count;
    }

    public readonly void Run(int row, int column, int rows, int columns, in CpuLeft left, float* panel, int steps)
    {
        int* block = stackalloc int[] { 0, steps };
        float* own = GroupLevel(row, column, Height);
        CpuSums sums = new()
        {
            Start = Continues ? own : null,
            StartStride = CpuTile.Columns,
            Result = IsLast ? Result.At(row, column) : GroupLevel(row, column, Height - Merges),
            Stride = IsLast ? Result.Stride : CpuTile.Columns,
            Adds = IsLast,
            Bounds = Lanes == 1 ? block : LaneBounds + (Group * Lanes),
            Lanes = Lanes,
            Levels = Ends
                ? new() { FirstLane = Group * Lanes, Earlier = GroupLevel(row, column, 0), EarlierStride = GroupLevelElements, Own = Levels }
                : default,
        };
        CpuTile.Run(left, panel, sums, IsLast ? rows : CpuTile.Rows, columns);
    }

    private readonly float* GroupLevel(int row, int column, int level) =>
        GroupLevels + (level * GroupLevelElements) + (row * CpuChunk.ColumnsPerTile) + (column * CpuTile.Rows);
}
