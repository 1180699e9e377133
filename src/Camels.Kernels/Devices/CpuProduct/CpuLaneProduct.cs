namespace Camels.Kernels;

/// <summary>
/// The gradient of a weight: resultSum (M, N) += a binary tree over lanes of left · rightᵀ over the steps k of each lane. The tree's lower
/// levels, of lanes that fit one block of k together, exist for 8 × 48 results at a time; the others for one tile, in the worker's cache.
/// </summary>
internal static unsafe class CpuLaneProduct
{
    /// <summary>Results of one level of the tree.</summary>
    public const int ElementsPerTile = RowsPerTile * CpuChunk.ColumnsPerTile;

    private const int RowsPerTile = 512;

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
                RowsPerTile = lanesAtOnce == laneBounds.Shape[0] - 1 ? CpuChunk.UsualRows : RowsPerTile,
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
                Groups = (laneBounds.Shape[0] - 1) / lanesAtOnce,
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
            (_, int columns) = Chunk.ColumnsOf(part);
            CpuTarget target = new(ResultSum + (Chunk.RowsOf(part).First * Stride) + Chunk.ColumnsOf(part).First, Stride);
            if (Groups == 1 && BlocksOf(group: 0).Count == 1)
            {
                RunGroup(part, worker, group: 0, target, upcoming: target, accumulate: true);
                return;
            }

            CpuLaneTree tree = new(new Span<float>(Chunk.Scratch.Levels(worker), CpuScratch.LevelElements), rows * columns);
            for (int group = 0; group < Groups; group++)
            {
                fixed (float* sums = tree.Next)
                {
                    RunGroup(part, worker, group, new CpuTarget(sums, columns), group + 1 < Groups ? CpuTarget.None : target, accumulate: false);
                }

                tree.Merge();
            }

            for (int row = 0; row < rows; row++)
            {
                CpuLaneTree.Add(new Span<float>(target.At(row, column: 0), columns), tree.Total.Slice(row * columns, columns));
            }
        }

        // Lanes that fit one block together, or one lane of any number of blocks.
        private readonly void RunGroup(int part, int worker, int group, CpuTarget result, CpuTarget upcoming, bool accumulate)
        {
            CpuBlocks blocks = BlocksOf(group);
            bool isLast = group + 1 == Groups;
            CpuBlocks following = BlocksOf(isLast ? 0 : group + 1);
            int followingTile = isLast ? part + Chunk.Workers : part;
            float* levels = stackalloc float[CpuTile.Elements * CpuLaneTree.MaximumLevels];
            for (int block = 0; block < blocks.Count; block++)
            {
                CpuBlock next = block + 1 < blocks.Count
                    ? blocks.Of(part, block + 1, followingTile)
                    : following.Of(followingTile, block: 0, followingTile);
                CpuBlock now = blocks.Of(part, block, followingTile);
                if (blocks.Count > 1)
                {
                    Chunk.RunBlock(now, next, worker, upcoming, new CpuChainCell { Result = result, Accumulate = block > 0 });
                }
                else
                {
                    Chunk.RunBlock(now, next, worker, upcoming, new CpuLaneCell
                    {
                        Result = result,
                        Accumulate = accumulate,
                        LaneBounds = LaneBounds + (group * LanesAtOnce),
                        Lanes = LanesAtOnce,
                        Levels = levels,
                    });
                }
            }
        }

        private readonly CpuBlocks BlocksOf(int group) => new(LaneBounds[group * LanesAtOnce], LaneBounds[(group + 1) * LanesAtOnce], Chunk.Pairs);
    }
}
