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
    private const int Rows = AttentionRows.Maximum;

    public AttentionShape Shape;
    public void* Y;
    public void* Q;
    public void* K;
    public void* V;

    /// <summary>log(sum of exp(score)) of each query, or null where nobody needs it.</summary>
    public float* LogSumExp;

    /// <summary>Computes all rows.</summary>
    public readonly void Run(in AttentionRows rows, AttentionTile tile)
    {
        Start(rows, tile);
        int heads = Shape.HeadsPerKeyHead;
        int keys = rows.Keys(rows.Count - 1, heads);
        nint keyStride = (nint)Shape.KeyHeads * Shape.HeadWidth;
        for (int first = 0; first < keys; first += AttentionTile.Keys)
        {
            int count = Math.Min(AttentionTile.Keys, keys - first);
            tile.LoadKeys<TElement>(K, V, rows.KeyOffset + (first * keyStride), keyStride, count, Shape.HeadWidth);
            for (int row = 0; row < rows.Count; row += 2 * TVector.Width)
            {
                int columns = Math.Min(2 * TVector.Width, rows.Count - row);
                AttentionProduct<TVector, TRegister>.Multiply(
                    tile.KeysByRows(tile.Scores, tile.KeyRows, tile.QueriesTransposed, row),
                    rows.KeysIn(row + columns - 1, heads, first, count), columns, Shape.HeadWidth);
                for (int lane = row; lane < row + columns; lane += TVector.Width)
                {
                    int lastRow = Math.Min(rows.Count, lane + TVector.Width) - 1;
                    Softmax(tile, lane, Shape.Scale, first, rows.KeysIn(lane, heads, first, count), rows.KeysIn(lastRow, heads, first, count));
                }
            }

            AddValues(rows, tile, first, count);
        }

        Finish(rows, tile);
    }

    private readonly void Start(in AttentionRows rows, AttentionTile tile)
    {
        for (int row = 0; row < rows.Count; row++)
        {
            AttentionPacking<TElement>.Load(
                tile.Queries + (row * tile.Width), Q, (nint)rows.Query(row, Shape) * Shape.HeadWidth, Shape.HeadWidth, tile.Width);
        }

        AttentionTransposition.Run(tile.QueriesTransposed, Rows, tile.Queries, tile.Width, rows.Count, Shape.HeadWidth);
        for (int row = 0; row < Rows; row++)
        {
            tile.Limits[row] = rows.Keys(Math.Min(row, rows.Count - 1), Shape.HeadsPerKeyHead);
            tile.Largest[row] = float.NegativeInfinity;
            tile.Sums[row] = 0;
        }

        new Span<float>(tile.Results, rows.Count * tile.Width).Clear();
    }

    // One register of rows: scores become exp(scale * score - largest); keys from seenByAll on are hidden from some of the rows.
    private static void Softmax(AttentionTile tile, int row, float scale, int firstKey, int seenByAll, int seen)
    {
        float* scores = tile.Scores + row;
        TRegister limits = TVector.Load(tile.Limits + row);
        TRegister hidden = TVector.Broadcast(float.NegativeInfinity);
        TRegister largest = Largest(scores, hidden, seenByAll);
        for (int j = seenByAll; j < seen; j++)
        {
            TRegister score = TVector.SelectGreater(limits, TVector.Broadcast(firstKey + j), TVector.Load(scores + (j * Rows)), hidden);
            largest = TVector.Max(largest, score);
        }

        TRegister scales = TVector.Broadcast(scale);
        TRegister before = TVector.Load(tile.Largest + row);
        largest = TVector.Max(before, TVector.Multiply(scales, largest));
        TRegister factor = TVector.Exp(TVector.Subtract(before, largest));
        TRegister sum = TVector.Multiply(TVector.Load(tile.Sums + row), factor);
        for (int j = 0; j < seen; j++)
        {
            // The scaled score is rounded before the difference, as the largest was: the weight of the largest is exactly 1.
            TRegister score = TVector.Multiply(scales, TVector.Load(scores + (j * Rows)));
            TRegister weight = TVector.Exp(TVector.Subtract(score, largest));
            TVector.Store(scores + (j * Rows), weight);
            TRegister added = TVector.Add(sum, weight);
            sum = j < seenByAll ? added : TVector.SelectGreater(limits, TVector.Broadcast(firstKey + j), added, sum);
        }

        TVector.Store(tile.Largest + row, largest);
        TVector.Store(tile.Sums + row, sum);
        TVector.Store(tile.Factors + row, factor);
    }

    // Four chains, because the largest of a set has no order.
    private static TRegister Largest(float* scores, TRegister largest, int count)
    {
        TRegister l0 = largest;
        TRegister l1 = largest;
        TRegister l2 = largest;
        TRegister l3 = largest;
        int j = 0;
        for (; j <= count - 4; j += 4)
        {
            l0 = TVector.Max(l0, TVector.Load(scores + (j * Rows)));
            l1 = TVector.Max(l1, TVector.Load(scores + ((j + 1) * Rows)));
            l2 = TVector.Max(l2, TVector.Load(scores + ((j + 2) * Rows)));
            l3 = TVector.Max(l3, TVector.Load(scores + ((j + 3) * Rows)));
        }

        for (; j < count; j++)
        {
            l0 = TVector.Max(l0, TVector.Load(scores + (j * Rows)));
        }

        return TVector.Max(TVector.Max(l0, l1), TVector.Max(l2, l3));
    }

    // Results (rows, D) = factors * results + weights (rows, keys) · values (keys, D), each row over the keys that it sees.
    private readonly void AddValues(in AttentionRows rows, AttentionTile tile, int firstKey, int count)
    {
        for (int row = 0; row < rows.Count && firstKey > 0; row++)
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

        tile.SeeKeys(rows, firstKey, count, Shape.HeadsPerKeyHead);
        AttentionProduct<TVector, TRegister>.Accumulate(
            tile.RowsByKeys(tile.Scores, tile.ValueRows), rows.Count, Shape.HeadWidth, tile.Starts, tile.Ends);
    }

    private readonly void Finish(in AttentionRows rows, AttentionTile tile)
    {
        for (int row = 0; row < rows.Count; row++)
        {
            long query = rows.Query(row, Shape);
            AttentionPacking<TElement>.Store(
                Y, (nint)query * Shape.HeadWidth, tile.Results + (row * tile.Width), Shape.HeadWidth, 1 / tile.Sums[row]);
            if (LogSumExp != null)
            {
                LogSumExp[query] = tile.Largest[row] + MathF.Log(tile.Sums[row]);
            }
        }
    }
}
