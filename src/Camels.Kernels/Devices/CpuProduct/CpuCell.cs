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
}

/// <summary>
/// One chain over k for each result, which may continue that of an earlier block. Chains that end here pass the epilogue; those that begin here
/// too are never stored.
/// </summary>
internal unsafe struct CpuChainCell : ICpuCell
{
    public CpuTarget Result;
    public bool Accumulate;
    public CpuEpilogue Epilogue;

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

        CpuTile.Run(sums, stride, left, panel, steps, rows, columns, Accumulate);
        if (Epilogue.Exists)
        {
            Epilogue.Finish(sums, stride, row, column, rows, columns);
        }
    }
}

/// <summary>A chain for each of some lanes, which share the block, and the tree over them: its levels stay in the first cache.</summary>
internal unsafe struct CpuLaneCell : ICpuCell
{
    public CpuTarget Result;
    public bool Accumulate;
    public int* LaneBounds;
    public int Lanes;
    public float* Levels;

    public readonly void Run(int row, int column, int rows, int columns, in CpuLeft left, float* panel, int steps)
    {
        bool finishes = CpuTile.CanFinish(rows, columns, left);
        int height = 0;
        for (int lane = 0; lane < Lanes; lane++)
        {
            CpuPairs pairs = left.Pairs.Between(LaneBounds[lane], LaneBounds[lane + 1]);
            int first = pairs.ElementOf(LaneBounds[lane]) - pairs.ElementOf(LaneBounds[0]);
            int end = pairs.EndOf(LaneBounds[lane + 1]) - pairs.ElementOf(LaneBounds[0]);
            int merges = BitOperations.TrailingZeroCount(lane + 1);
            height -= merges;
            CpuLeft ofLane = left.FromStep(first).Of(pairs);
            float* right = panel + (first * CpuTile.Columns);
            if (finishes && lane == Lanes - 1)
            {
                CpuTile.Finish(Result.At(row, column), Result.Stride, ofLane, right, end - first, columns, Accumulate, Levels, merges);
                return;
            }

            CpuTile.RunLane(Levels + (height * CpuTile.Elements), ofLane, right, end - first, columns, merges);
            height++;
        }

        for (int i = 0; i < rows; i++)
        {
            ReadOnlySpan<float> sums = new(Levels + (i * CpuTile.Columns), columns);
            Span<float> target = new(Result.At(row + i, column), columns);
            if (Accumulate)
            {
                CpuLaneTree.Add(target, sums);
            }
            else
            {
                sums.CopyTo(target);
            }
        }
    }
}
