using System.Runtime.CompilerServices;

namespace Camels.Kernels.Ops;

/// <summary>
/// The forward of some rows of queries against the keys of one document, tile after tile from the document's first key, with the softmax's
/// largest score and denominator kept per row (Dao et al., 2022). Lanes are queries: a query's numbers come from its own lane alone, in an
/// order that its position decides, whichever queries share the registers.
/// </summary>
internal unsafe struct AttentionForward<TElement, TVector, TRegister>
    where TElement : struct, ICpuElements
    where TVector : struct, ICpuVector<TRegister>
    where TRegister : struct
{
    private const int RowStride = AttentionTile.RowStride;

    public AttentionShape Shape;
    public void* Y;
    public void* Q;
    public void* K;
    public void* V;

    /// <summary>log(sum of exp(score)) of each query, or null where nobody needs it.</summary>
    public float* LogSumExp;

    /// <summary>
    /// Computes all rows for <paramref name="heads"/> key heads from that of the rows on. Sets of rows and heads take turns at each tile of
    /// keys, which is loaded once; what the heads read of a key lies side by side in memory.
    /// </summary>
    public readonly void Run(in AttentionRows rows, int heads, float* scratch)
    {
        int sets = (rows.Count + AttentionRows.Maximum - 1) / AttentionRows.Maximum;
        for (int member = 0; member < heads * sets; member++)
        {
            Start(Set(rows, sets, member), Tile(scratch, heads, sets, member));
        }

        int keys = rows.Keys(rows.Count - 1, Shape.HeadsPerKeyHead);
        for (int first = 0; first < keys; first += AttentionTile.Keys)
        {
            int count = Math.Min(AttentionTile.Keys, keys - first);
            long keyRow = ((rows.FirstKeyRow + first) * Shape.KeyHeads) + rows.KeyHead;
            LoadKeys(scratch, heads, (nint)keyRow * Shape.HeadWidth, count);
            for (int member = 0; member < heads * sets; member++)
            {
                AddTile(Set(rows, sets, member).Count, Tile(scratch, heads, sets, member), first, count);
            }
        }

        for (int member = 0; member < heads * sets; member++)
        {
            Finish(Set(rows, sets, member), Tile(scratch, heads, sets, member));
        }
    }

    private readonly AttentionRows Set(in AttentionRows rows, int sets, int member) =>
        rows.Set(member % sets, member / sets, Shape.HeadsPerKeyHead);

    private readonly AttentionTile Tile(float* scratch, int heads, int sets, int member) =>
        new(scratch, Shape.HeadWidth, heads, member / sets, member);

    private readonly void Start(in AttentionRows rows, in AttentionTile tile)
    {
        rows.Limits(tile.Limits, Shape);
        rows.Queries(tile.QueryNumbers, Shape);
        tile.LoadRows<TElement>(tile.Queries, tile.QueriesTransposed, Q, rows.Count, Shape.HeadWidth);
        tile.ClearResults(rows.Count);
        new Span<float>(tile.Largest, AttentionRows.Maximum).Fill(float.NegativeInfinity);
        new Span<float>(tile.Sums, AttentionRows.Maximum).Clear();
    }

    // Key by key, so that memory is read in order. Whole blocks of keys are there, the last ones zero.
    private readonly void LoadKeys(float* scratch, int heads, nint offset, int count)
    {
        AttentionTile tile = new(scratch, Shape.HeadWidth, heads, head: 0, member: 0);
        nint keyStride = (nint)Shape.KeyHeads * Shape.HeadWidth;
        int columns = AttentionTile.PaddedWidth(Shape.HeadWidth);
        bool dense = columns == Shape.HeadWidth;
        int pieces = dense ? 1 : heads;
        int width = dense ? heads * Shape.HeadWidth : Shape.HeadWidth;
        for (int j = 0; j < count; j++)
        {
            for (int piece = 0; piece < pieces; piece++)
            {
                nint place = (j * tile.KeyStride) + (piece * columns);
                nint source = offset + (j * keyStride) + (piece * width);
                AttentionPacking<TElement>.Load(tile.KeyRows + place, K, source, width, pieces == 1 ? width : columns);
                AttentionPacking<TElement>.Load(tile.ValueRows + place, V, source, width, pieces == 1 ? width : columns);
            }
        }

        int padding = (AttentionProduct.WholeBlocks(count) - count) * tile.KeyStride;
        new Span<float>(tile.KeyRows + (count * tile.KeyStride), padding).Clear();
        new Span<float>(tile.ValueRows + (count * tile.KeyStride), padding).Clear();
    }

    private readonly void AddTile(int rows, in AttentionTile tile, int first, int count)
    {
        if (tile.SeenBy(rows - 1, first, count) == 0)
        {
            return;
        }

        for (int row = 0; row < rows; row += 2 * TVector.Width)
        {
            int columns = Math.Min(2 * TVector.Width, rows - row);
            AttentionProduct<TVector, TRegister>.Multiply(
                tile.KeysByRows(tile.Scores, tile.KeyRows, tile.KeyStride, tile.QueriesTransposed, row),
                tile.SeenBy(row + columns - 1, first, count), columns, Shape.HeadWidth);
            for (int lane = row; lane < row + columns; lane += TVector.Width)
            {
                int lastRow = Math.Min(rows, lane + TVector.Width) - 1;
                Softmax(tile, lane, first, tile.SeenBy(lane, first, count), tile.SeenBy(lastRow, first, count));
            }
        }

        if (first > 0)
        {
            Rescale(tile, rows);
        }

        tile.SeeKeys(rows, first, count);
        AttentionProduct<TVector, TRegister>.Accumulate(
            tile.RowsByKeys(tile.Scores, tile.ValueRows, tile.KeyStride), rows, Shape.HeadWidth, tile.Starts, tile.Ends);
    }

    // One register of rows: scores become exp(scale * score - largest); keys from seenByAll on are hidden from some of the rows.
    private readonly void Softmax(in AttentionTile tile, int row, int firstKey, int seenByAll, int seen)
    {
        float* scores = tile.Scores + row;
        TRegister limits = TVector.Load(tile.Limits + row);
        TRegister hidden = TVector.Broadcast(float.NegativeInfinity);
        TRegister largest = Largest(scores, seenByAll);
        for (int j = seenByAll; j < seen; j++)
        {
            TRegister score = TVector.SelectGreater(limits, TVector.Broadcast(firstKey + j), TVector.Load(scores + (j * RowStride)), hidden);
            largest = TVector.Max(largest, score);
        }

        TRegister scale = TVector.Broadcast(Shape.Scale);
        TRegister before = TVector.Load(tile.Largest + row);
        largest = TVector.Max(before, TVector.Multiply(scale, largest));
        TRegister factor = AttentionExp<TVector, TRegister>.Run(TVector.Subtract(before, largest));
        TRegister sum = TVector.Multiply(TVector.Load(tile.Sums + row), factor);
        for (int j = 0; j < seenByAll; j++)
        {
            TRegister weight = Weight(TVector.Load(scores), scale, largest);
            TVector.Store(scores, weight);
            sum = TVector.Add(sum, weight);
            scores += RowStride;
        }

        for (int j = seenByAll; j < seen; j++)
        {
            TRegister weight = Weight(TVector.Load(scores), scale, largest);
            TVector.Store(scores, weight);
            sum = TVector.SelectGreater(limits, TVector.Broadcast(firstKey + j), TVector.Add(sum, weight), sum);
            scores += RowStride;
        }

        TVector.Store(tile.Largest + row, largest);
        TVector.Store(tile.Sums + row, sum);
        TVector.Store(tile.Factors + row, factor);
    }

    // The scaled score is rounded before the difference, as the largest was: the weight of the largest is exactly 1.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TRegister Weight(TRegister score, TRegister scale, TRegister largest) =>
        AttentionExp<TVector, TRegister>.Run(TVector.Subtract(TVector.Multiply(scale, score), largest));

    // Four chains, because the largest of a set has no order.
    private static TRegister Largest(float* scores, int count)
    {
        TRegister l0 = TVector.Broadcast(float.NegativeInfinity);
        TRegister l1 = l0;
        TRegister l2 = l0;
        TRegister l3 = l0;
        int j = 0;
        for (; j <= count - 4; j += 4)
        {
            l0 = TVector.Max(l0, TVector.Load(scores + (j * RowStride)));
            l1 = TVector.Max(l1, TVector.Load(scores + ((j + 1) * RowStride)));
            l2 = TVector.Max(l2, TVector.Load(scores + ((j + 2) * RowStride)));
            l3 = TVector.Max(l3, TVector.Load(scores + ((j + 3) * RowStride)));
        }

        for (; j < count; j++)
        {
            l0 = TVector.Max(l0, TVector.Load(scores + (j * RowStride)));
        }

        return TVector.Max(TVector.Max(l0, l1), TVector.Max(l2, l3));
    }

    private readonly void Rescale(in AttentionTile tile, int rows)
    {
        for (int row = 0; row < rows; row++)
        {
            float factor = tile.Factors[row];
            if (factor != 1)
            {
                float* result = tile.Results + (row * tile.Width);
                TRegister factors = TVector.Broadcast(factor);
                for (int d = 0; d < Shape.HeadWidth; d += TVector.Width)
                {
                    TVector.Store(result + d, TVector.Multiply(TVector.Load(result + d), factors));
                }
            }
        }
    }

    private readonly void Finish(in AttentionRows rows, in AttentionTile tile)
    {
        rows.Queries(tile.QueryNumbers, Shape);
        for (int row = 0; row < rows.Count; row++)
        {
            long query = tile.QueryNumbers[row];
            AttentionPacking<TElement>.Store(
                Y, (nint)query * Shape.HeadWidth, tile.Results + (row * tile.Width), Shape.HeadWidth, 1 / tile.Sums[row]);
            if (LogSumExp != null)
            {
                LogSumExp[query] = tile.Largest[row] + MathF.Log(tile.Sums[row]);
            }
        }
    }
}
