namespace Camels.Kernels;

/// <summary>
/// The gradient of a weight: resultSum (M, N) += a binary tree over lanes of left · rightᵀ over the steps k of each lane. The levels of the
/// tree exist for one tile at a time, in the worker's cache.
/// </summary>
internal static unsafe class CpuLaneProduct
{
    /// <summary>Results of one level of the tree.</summary>
    public const int ElementsPerTile = RowsPerTile * CpuChunk.ColumnsPerTile;

    private const int RowsPerTile = 256;

    /// <summary>Adds to resultSum; laneBounds are the first steps of the lanes and their end.</summary>
    public static void Run(Device device, Tensor resultSum, CpuOperand left, CpuOperand right, int steps, Tensor laneBounds)
    {
        (int rows, int columns) = resultSum.Rank2();
        if ((long)steps * CpuTile.Rows > CpuScratch.SharedElements)
        {
            throw new ArgumentException(
                $"{steps} rows at once: the weight's gradient takes at most {CpuScratch.SharedElements / CpuTile.Rows} on the cpu");
        }

        int rowsAtOnce = CpuProduct.RowsAtOnce(steps);
        for (int row = 0; row < rows; row += rowsAtOnce)
        {
            CpuChunk chunk = new()
            {
                Scratch = device.Scratch,
                Left = left.From(row, k: 0),
                Right = right,
                Rows = Math.Min(rowsAtOnce, rows - row),
                Columns = columns,
                Steps = steps,
                RowsPerTile = RowsPerTile,
                Workers = device.Workers.Count,
            };
            chunk.Pack(device.Workers);
            LaneWork work = new()
            {
                Chunk = chunk,
                ResultSum = resultSum.Pointer<float>() + ((nint)row * columns),
                Stride = columns,
                LaneBounds = laneBounds.Pointer<int>(),
                Lanes = laneBounds.Shape[0] - 1,
            };
            device.Workers.Run(ref work, chunk.Tiles);
        }
    }

    private struct LaneWork : ICpuWork
    {
        public CpuChunk Chunk;
        public float* ResultSum;
        public nint Stride;
        public int* LaneBounds;
        public int Lanes;

        public readonly void Run(int part, int worker)
        {
            (_, int rows) = Chunk.RowsOf(part);
            (_, int columns) = Chunk.ColumnsOf(part);
            int stride = CpuPanels.Count(columns, CpuTile.Columns) * CpuTile.Columns;
            int elements = CpuPanels.Count(rows, CpuTile.Rows) * CpuTile.Rows * stride;
            CpuLaneTree tree = new(new Span<float>(Chunk.Scratch.Levels(worker), CpuScratch.LevelElements), elements);
            for (int lane = 0; lane < Lanes; lane++)
            {
                fixed (float* sums = tree.Next)
                {
                    RunLane(part, worker, sums, stride, lane);
                }

                tree.Merge();
            }

            Add(part, tree.Total, stride);
        }

        private readonly void RunLane(int part, int worker, float* sums, nint stride, int lane)
        {
            CpuBlocks blocks = new(LaneBounds[lane], LaneBounds[lane + 1]);
            CpuBlocks following = lane + 1 < Lanes ? new(LaneBounds[lane + 1], LaneBounds[lane + 2]) : new(LaneBounds[0], LaneBounds[1]);
            CpuTarget upcoming = lane + 1 < Lanes ? CpuTarget.None : Target(part);
            int followingTile = lane + 1 < Lanes ? part : part + Chunk.Workers;
            for (int block = 0; block < blocks.Count; block++)
            {
                CpuBlock next = block + 1 < blocks.Count
                    ? blocks.Of(part, block + 1, followingTile)
                    : following.Of(followingTile, block: 0, followingTile);
                Chunk.RunBlock(
                    blocks.Of(part, block, followingTile), next, worker, new CpuTarget(sums, stride), upcoming, accumulate: block > 0, whole: true);
            }
        }

        private readonly void Add(int part, ReadOnlySpan<float> total, nint stride)
        {
            CpuTarget target = Target(part);
            (_, int rows) = Chunk.RowsOf(part);
            (_, int columns) = Chunk.ColumnsOf(part);
            for (int row = 0; row < rows; row++)
            {
                CpuLaneTree.Add(new Span<float>(target.At(row, column: 0), columns), total.Slice((int)(row * stride), columns));
            }
        }

        private readonly CpuTarget Target(int part) => new(ResultSum + (Chunk.RowsOf(part).First * Stride) + Chunk.ColumnsOf(part).First, Stride);
    }
}
