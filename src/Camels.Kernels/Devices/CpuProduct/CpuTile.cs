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

    /// <summary>
    /// c (8, 48) = level 0 + (level 1 + … (level merges − 1 + left (8, count) · b (count, 48))), where the levels of a tree over lanes, 8 × 48
    /// each, begin at c.
    /// </summary>
    public static void RunLane(float* c, in CpuLeft left, float* b, nint count, int columns, int merges)
    {
        columns = CpuPanels.Count(columns, ColumnStep) * ColumnStep;
        if (!left.Pairs.IsNone)
        {
            left.Pairs.Run(c, Columns, left, b, count, columns, accumulate: false, merges);
            return;
        }

        if (CpuPath.UsesVector512)
        {
            CpuTile512.Run(c, Columns, left, b, count, columns, continues: false, levels: c, merges, adds: false);
            return;
        }

        float* top = c + (merges * Elements);
        RunWhole(top, Columns, left, b, count, columns, accumulate: false);
        for (float* level = top - Elements; level >= c; level -= Elements)
        {
            CpuLaneTree.Add(new Span<float>(level, Elements), new ReadOnlySpan<float>(level + Elements, Elements));
        }
    }

    /// <summary>True where <see cref="Finish"/> computes the last lane of a tile of this size.</summary>
    public static bool CanFinish(int rows, int columns, in CpuLeft left) =>
        CpuPath.UsesVector512 && left.Pairs.IsNone && rows == Rows && columns % ColumnStep == 0;

    /// <summary>
    /// The last lane as in <see cref="RunLane"/>, its tree, from <paramref name="levels"/> on, written to c or, where
    /// <paramref name="adds"/>, added to it.
    /// </summary>
    public static void Finish(
        float* c, nint stride, in CpuLeft left, float* b, nint count, int columns, bool adds, float* levels, int merges) =>
        CpuTile512.Run(c, stride, left, b, count, columns, continues: false, levels, merges, adds);

    /// <summary>
    /// c (rows, columns) = left (8, count) · b (count, 48), added to c if <paramref name="accumulate"/>. Rows of c are
    /// <paramref name="stride"/> elements apart; nothing outside rows × columns is touched.
    /// </summary>
    public static void Run(float* c, nint stride, in CpuLeft left, float* b, nint count, int rows, int columns, bool accumulate)
    {
        if (rows == Rows && columns % ColumnStep == 0)
        {
            RunWhole(c, stride, left, b, count, columns, accumulate);
            return;
        }

        float* tile = stackalloc float[Rows * Columns];
        if (accumulate)
        {
            Copy(tile, Columns, c, stride, rows, columns);
        }

        RunWhole(tile, Columns, left, b, count, columns, accumulate);
        Copy(c, stride, tile, Columns, rows, columns);
    }

    private static int ColumnStep => CpuPath.UsesVector512 ? 16 : CpuPath.UsesVector256 ? 24 : 4;

    private static void RunWhole(float* c, nint stride, in CpuLeft left, float* b, nint count, int columns, bool accumulate)
    {
        if (!left.Pairs.IsNone)
        {
            left.Pairs.Run(c, stride, left, b, count, columns, accumulate, merges: 0);
        }
        else if (CpuPath.UsesVector512)
        {
            CpuTile512.Run(c, stride, left, b, count, columns, accumulate, levels: c, merges: 0, adds: false);
        }
        else if (CpuPath.UsesVector256)
        {
            CpuTile256.Run(c, stride, left, b, count, columns, accumulate);
        }
        else
        {
            RunScalar(c, stride, left, b, count, columns, accumulate);
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
