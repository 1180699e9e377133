namespace Camels.Kernels;

/// <summary>
/// The gradient of a weight: resultSum (M, N) += a binary tree over lanes of left · rightᵀ over the steps k of each lane. Lanes that fit one
/// block of k together make a group: their tree exists for 8 × 48 results at a time, that over the groups for one tile.
/// </summary>
internal static unsafe class CpuLaneProduct
{
    /// <summary>Adds to resultSum; laneBounds are the first steps of the lanes and their end.</summary>
    public static void Run(Device device, Tensor resultSum, CpuOperand left, CpuOperand right, int steps, Tensor laneBounds)
    {
        (int rows, int columns) = resultSum.Rank2();
        if ((long)steps * CpuTile.Rows > CpuScratch.SharedElements)
        {
            throw new ArgumentException(
                $"{steps} rows at once: the weight's gradient takes at most {CpuScratch.SharedElements / CpuTile.Rows} on the cpu");
        }

        CpuPairs pairs = CpuProduct.PairsOf(device, left, right);
        if (!pairs.IsNone)
        {
            (left, right) = (left.Paired(steps), right.Paired(steps));
        }

        int lanesAtOnce = LanesAtOnce(laneBounds.AsSpan<int>(), pairs);
        int groups = (laneBounds.Shape[0] - 1) / lanesAtOnce;
        int rowsPerTile = Math.Min(CpuChunk.UsualRows, CpuScratch.LevelElements / CpuChunk.ColumnsPerTile / CpuLaneTree.Levels(groups));
        int rowsAtOnce = CpuProduct.RowsAtOnce(pairs.EndOf(steps));
        for (int row = 0; row < rows; row += rowsAtOnce)
        {
            CpuChunk chunk = new()
            {
                Scratch = device.Scratch,
                Left = left.From(row, k: 0),
                Right = right,
                Rows = Math.Min(rowsAtOnce, rows - row),
                Columns = columns,
                Steps = pairs.EndOf(steps),
                Pairs = pairs,
                RowsPerTile = rowsPerTile / CpuTile.Rows * CpuTile.Rows,
                Workers = device.Workers.Count,
                Number = device.Scratch.NextNumber(),
            };
            chunk.Pack(device.Workers);
            LaneWork work = new()
            {
                Chunk = chunk,
                ResultSum = resultSum.Pointer<float>() + ((nint)row * columns),
                Stride = columns,
                LaneBounds = laneBounds.Pointer<int>(),
                Groups = groups,
                LanesAtOnce = lanesAtOnce,
            };
            device.Workers.Run(ref work, chunk.Tiles);
        }
    }

    // The largest subtrees of lanes of which each fits a block of k.
    private static int LanesAtOnce(ReadOnlySpan<int> laneBounds, CpuPairs pairs)
    {
        int lanes = laneBounds.Length - 1;
        for (int first = 0; lanes > 1 && first + lanes < laneBounds.Length; first += lanes)
        {
            if (pairs.EndOf(laneBounds[first + lanes]) - pairs.ElementOf(laneBounds[first]) > CpuChunk.StepsPerBlock)
            {
                lanes /= 2;
                first = -lanes;
            }
        }

        return lanes;
    }

    private struct LaneWork : ICpuWork
    {
        public CpuChunk Chunk;
        public float* ResultSum;
        public nint Stride;
        public int* LaneBounds;
        public int Groups;
        public int LanesAtOnce;

        public readonly void Run(int part, int worker)
        {
            (_, int rows) = Chunk.RowsOf(part);
            CpuTarget result = new(ResultSum + (Chunk.RowsOf(part).First * Stride) + Chunk.ColumnsOf(part).First, Stride);
            float* levels = stackalloc float[CpuTile.Elements * CpuLaneTree.MaximumLevels];
            for (int group = 0; group < Groups; group++)
            {
                CpuBlocks blocks = BlocksOf(group);
                bool isLast = group == Groups - 1;
                int followingTile = isLast ? part + Chunk.Workers : part;
                CpuBlock following = BlocksOf(isLast ? 0 : group + 1).Of(followingTile, block: 0, followingTile);
                for (int block = 0; block < blocks.Count; block++)
                {
                    bool ends = block == blocks.Count - 1;
                    Chunk.RunBlock(
                        blocks.Of(part, block, part), ends ? following : blocks.Of(part, block + 1, part), worker,
                        new CpuLaneCell
                        {
                            Result = result,
                            LaneBounds = LaneBounds,
                            Group = group,
                            Groups = Groups,
                            Lanes = LanesAtOnce,
                            Continues = block > 0,
                            Ends = ends,
                            Levels = levels,
                            GroupLevels = Chunk.Scratch.Levels(worker),
                            GroupLevelElements = (nint)CpuPanels.Count(rows, CpuTile.Rows) * CpuTile.Rows * CpuChunk.ColumnsPerTile,
                        });
                }
            }
        }

        private readonly CpuBlocks BlocksOf(int group) => new(LaneBounds[group * LanesAtOnce], LaneBounds[(group + 1) * LanesAtOnce], Chunk.Pairs);
    }
}
