namespace Camels.Kernels;

/// <summary>
/// The innermost piece of the matrix product: a tile of 8 × 48 results that stays in registers over a run of k. Every result is the
/// chain c = c + a(k) · b(k) in the order of k, on every path.
/// </summary>
internal static unsafe class CpuTile
{
    /// <summary>Rows of a tile.</summary>
    public const int Rows = 8;

    /// <summary>Columns of a tile, and elements of b for each k.</summary>
    public const int Columns = 48;

    /// <summary>Steps of k between two lines that are fetched.</summary>
    public const int StepsPerRound = 4;

    /// <summary>Results of a whole tile.</summary>
    public const int Elements = Rows * Columns;

    private static int ColumnStep => CpuPath.UsesVector512 ? 16 : CpuPath.UsesVector256 ? 24 : 4;

    /// <summary>
    /// The sums over <paramref name="left"/> · b (steps, 48), of which <paramref name="rows"/> × <paramref name="columns"/> exist; nothing else of
    /// the result is touched.
    /// </summary>
    public static void Run(in CpuLeft left, float* b, in CpuSums sums, int rows, int columns)
    {
        if (rows == Rows && columns % ColumnStep == 0)
        {
            RunWhole(left, b, sums, columns);
            return;
        }

        float* tile = stackalloc float[Elements];
        float* start = sums.Start;
        nint startStride = sums.StartStride;
        if (start != null && start == sums.Result)
        {
            Copy(tile, Columns, start, startStride, rows, columns);
            start = tile;
            startStride = Columns;
        }

        CpuSums whole = new()
        {
            Start = start,
            StartStride = startStride,
            Result = tile,
            Stride = Columns,
            Bounds = sums.Bounds,
            Lanes = sums.Lanes,
            Levels = sums.Levels,
        };
        RunWhole(left, b, whole, CpuPanels.Count(columns, ColumnStep) * ColumnStep);
        Finish(sums, tile, rows, columns);
    }

    private static void RunWhole(in CpuLeft left, float* b, in CpuSums sums, int columns)
    {
        if (CpuPath.UsesVector512 && left.Pairs.IsNone)
        {
            CpuTile512.Run(left, b, sums, columns);
        }
        else if (sums.Levels.Own == null)
        {
            RunChain(sums.Result, sums.Stride, left, b, sums.Bounds[1], columns, accumulate: sums.Start != null, merges: 0);
        }
        else
        {
            RunLanes(left, b, sums, columns);
        }
    }

    private static void RunLanes(in CpuLeft left, float* b, in CpuSums sums, int columns)
    {
        for (int lane = 0; lane < sums.Lanes; lane++)
        {
            (int first, int end, CpuPairs pairs) = (0, sums.Bounds[1], left.Pairs);
            if (sums.Lanes > 1)
            {
                first = pairs.ElementOf(sums.Bounds[lane]) - pairs.ElementOf(sums.Bounds[0]);
                end = pairs.EndOf(sums.Bounds[lane + 1]) - pairs.ElementOf(sums.Bounds[0]);
                pairs = pairs.Between(sums.Bounds[lane], sums.Bounds[lane + 1]);
            }

            int height = sums.Height(lane);
            int merges = sums.Merges(lane);
            int own = Math.Min(merges, height - sums.Levels.EarlierCount);
            float* sum = sums.Levels.At(height - own);
            if (lane == 0 && sums.Start != null)
            {
                Copy(sum, Columns, sums.Start, sums.StartStride, Rows, columns);
            }

            RunChain(
                sum, Columns, left.FromStep(first).Of(pairs), b + (first * Columns), end - first, columns,
                accumulate: lane == 0 && sums.Start != null, own);
            for (int level = height - own; level > height - merges;)
            {
                level--;
                CpuLaneTree.Add(new Span<float>(sum, Elements), new ReadOnlySpan<float>(sums.Levels.At(level), Elements));
            }

            if (lane == sums.Lanes - 1)
            {
                Finish(sums, sum, Rows, columns);
            }
        }
    }

    private static void Finish(in CpuSums sums, float* sum, int rows, int columns)
    {
        if (!sums.Adds)
        {
            Copy(sums.Result, sums.Stride, sum, Columns, rows, columns);
            return;
        }

        for (int row = 0; row < rows; row++)
        {
            CpuLaneTree.Add(
                new Span<float>(sums.Result + (row * sums.Stride), columns), new ReadOnlySpan<float>(sum + (row * Columns), columns));
        }
    }

    // The chains, begun with c where that is wanted, then so many levels of the tree that begin at c (with the rows of a tile).
    private static void RunChain(
        float* c, nint stride, in CpuLeft left, float* b, nint count, int columns, bool accumulate, int merges)
    {
        if (!left.Pairs.IsNone)
        {
            left.Pairs.Run(c, stride, left, b, count, columns, accumulate, merges);
            return;
        }

        float* sum = c + (merges * Elements);
        if (CpuPath.UsesVector256)
        {
            CpuTile256.Run(sum, stride, left, b, count, columns, accumulate);
        }
        else
        {
            RunScalar(sum, stride, left, b, count, columns, accumulate);
        }

        for (float* level = sum - Elements; level >= c; level -= Elements)
        {
            CpuLaneTree.Add(new Span<float>(level, Elements), new ReadOnlySpan<float>(level + Elements, Elements));
        }
    }

    // Without fused multiply-add in hardware: a product and an addition, each rounded.
    private static void RunScalar(float* c, nint stride, in CpuLeft left, float* b, nint count, int columns, bool accumulate)
    {
        for (int row = 0; row < Rows; row++)
        {
            for (int column = 0; column < columns; column += 4)
            {
                float* target = c + (row * stride) + column;
                float c0 = accumulate ? target[0] : 0;
                float c1 = accumulate ? target[1] : 0;
                float c2 = accumulate ? target[2] : 0;
                float c3 = accumulate ? target[3] : 0;
                float* a = left.Start + (row * left.RowStride);
                float* right = b + column;
                for (nint k = count; k > 0; k--)
                {
                    c0 += *a * right[0];
                    c1 += *a * right[1];
                    c2 += *a * right[2];
                    c3 += *a * right[3];
                    a += left.Step;
                    right += Columns;
                }

                target[0] = c0;
                target[1] = c1;
                target[2] = c2;
                target[3] = c3;
            }
        }
    }

    private static void Copy(float* target, nint targetStride, float* source, nint sourceStride, int rows, int columns)
    {
        for (int row = 0; row < rows; row++)
        {
            new ReadOnlySpan<float>(source + (row * sourceStride), columns).CopyTo(new Span<float>(target + (row * targetStride), columns));
        }
    }
}
