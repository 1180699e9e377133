using System.Runtime.InteropServices;

namespace Camels.Kernels.Ops;

/// <summary>
/// The backward of one document and one key head. Rows of queries come one set after the other; each set passes over the tiles of keys that
/// it sees, forms their probabilities again from the saved logarithm of the denominator, adds to the gradients of the keys and values, which
/// stay in the worker's memory for the whole document, and finishes its own gradient. So every gradient of a key is one chain over the
/// queries in order of position and head, every gradient of a query one chain over the keys.
/// </summary>
internal unsafe struct AttentionBackward<TElement, TVector, TRegister>
    where TElement : struct, ICpuElements
    where TVector : struct, ICpuVector<TRegister>
    where TRegister : struct
{
    private const int Rows = AttentionRows.Maximum;

    public AttentionShape Shape;
    public void* Dq;
    public void* Dk;
    public void* Dv;
    public void* Dy;
    public void* Q;
    public void* K;
    public void* V;
    public void* Y;
    public float* LogSumExp;

    /// <summary>Singles of memory for the gradients of the keys and values of <paramref name="tokens"/>.</summary>
    public static long SumElements(int tokens, int headWidth) =>
        2 * ((long)tokens + AttentionProduct.BlockRows) * AttentionTile.PaddedWidth(headWidth);

    /// <summary>Clears the sums of a document of <paramref name="tokens"/> tokens.</summary>
    public readonly void Start(float* sums, int tokens) =>
        NativeMemory.Clear(sums, (nuint)(SumElements(tokens, Shape.HeadWidth) * sizeof(float)));

    /// <summary>Adds the rows' part to the document's sums and writes their own gradients.</summary>
    public readonly void Run(in AttentionRows rows, AttentionTile tile, float* sums, int tokens)
    {
        LoadRows(rows, tile);
        int heads = Shape.HeadsPerKeyHead;
        int keys = rows.Keys(rows.Count - 1, heads);
        nint keyStride = (nint)Shape.KeyHeads * Shape.HeadWidth;
        float* dk = sums;
        float* dv = sums + (SumElements(tokens, Shape.HeadWidth) / 2);
        for (int first = 0; first < keys; first += AttentionTile.Keys)
        {
            int count = Math.Min(AttentionTile.Keys, keys - first);
            tile.LoadKeys<TElement>(K, V, rows.KeyOffset + (first * keyStride), keyStride, count, Shape.HeadWidth);
            for (int row = 0; row < rows.Count; row += 2 * TVector.Width)
            {
                int columns = Math.Min(2 * TVector.Width, rows.Count - row);
                int seen = rows.KeysIn(row + columns - 1, heads, first, count);
                AttentionProduct<TVector, TRegister>.Multiply(
                    tile.KeysByRows(tile.Scores, tile.KeyRows, tile.QueriesTransposed, row), seen, columns, Shape.HeadWidth);
                AttentionProduct<TVector, TRegister>.Multiply(
                    tile.KeysByRows(tile.ScoreGradients, tile.ValueRows, tile.UpstreamTransposed, row), seen, columns, Shape.HeadWidth);
                for (int lane = row; lane < row + columns; lane += TVector.Width)
                {
                    int lastRow = Math.Min(rows.Count, lane + TVector.Width) - 1;
                    Differentiate(tile, lane, Shape.Scale, rows.KeysIn(lastRow, heads, first, count));
                }
            }

            AddToKeys(rows, tile, dk + ((nint)first * tile.Width), dv + ((nint)first * tile.Width), first, count);
            AddToQueries(rows, tile, first, count);
        }

        for (int row = 0; row < rows.Count; row++)
        {
            nint offset = (nint)rows.Query(row, Shape) * Shape.HeadWidth;
            AttentionPacking<TElement>.Store(Dq, offset, tile.Results + (row * tile.Width), Shape.HeadWidth, Shape.Scale);
        }
    }

    /// <summary>Writes the gradients of the keys and values of a document; its first key is at element <paramref name="keyOffset"/>.</summary>
    public readonly void Finish(float* sums, int tokens, nint keyOffset)
    {
        int width = AttentionTile.PaddedWidth(Shape.HeadWidth);
        nint keyStride = (nint)Shape.KeyHeads * Shape.HeadWidth;
        float* dk = sums;
        float* dv = sums + (SumElements(tokens, Shape.HeadWidth) / 2);
        for (int j = 0; j < tokens; j++)
        {
            AttentionPacking<TElement>.Store(Dk, keyOffset + (j * keyStride), dk + ((nint)j * width), Shape.HeadWidth, Shape.Scale);
            AttentionPacking<TElement>.Store(Dv, keyOffset + (j * keyStride), dv + ((nint)j * width), Shape.HeadWidth, factor: 1);
        }
    }

    private readonly void LoadRows(in AttentionRows rows, AttentionTile tile)
    {
        // The outputs are needed only here, and borrow the place of the queries.
        Load(rows, tile, tile.Upstream, tile.UpstreamTransposed, Dy);
        Load(rows, tile, tile.Queries, tile.QueriesTransposed, Y);
        Sums(rows, tile);
        Load(rows, tile, tile.Queries, tile.QueriesTransposed, Q);
        for (int row = 0; row < rows.Count; row++)
        {
            tile.Largest[row] = LogSumExp[rows.Query(row, Shape)];
        }

        new Span<float>(tile.Results, rows.Count * tile.Width).Clear();
    }

    private readonly void Load(in AttentionRows rows, AttentionTile tile, float* destination, float* transposed, void* source)
    {
        for (int row = 0; row < rows.Count; row++)
        {
            nint offset = (nint)rows.Query(row, Shape) * Shape.HeadWidth;
            AttentionPacking<TElement>.Load(destination + (row * tile.Width), source, offset, Shape.HeadWidth, tile.Width);
        }

        AttentionTransposition.Run(transposed, Rows, destination, tile.Width, rows.Count, Shape.HeadWidth);
    }

    // dy · y of each row, in the order of the products that it is subtracted from: with a single key the difference is exactly 0.
    private readonly void Sums(in AttentionRows rows, AttentionTile tile)
    {
        for (int row = 0; row < rows.Count; row += TVector.Width)
        {
            TRegister sum = TVector.Broadcast(0);
            for (int d = 0; d < Shape.HeadWidth; d++)
            {
                int place = (d * Rows) + row;
                sum = TVector.MultiplyAdd(TVector.Load(tile.QueriesTransposed + place), TVector.Load(tile.UpstreamTransposed + place), sum);
            }

            TVector.Store(tile.Sums + row, sum);
        }
    }

    // One register of rows: scores become probabilities, their gradients become those of the scores. Of keys that a row does not see the
    // numbers mean nothing, and the sums leave them out.
    private static void Differentiate(AttentionTile tile, int row, float scale, int keys)
    {
        TRegister scales = TVector.Broadcast(scale);
        TRegister logSumExp = TVector.Load(tile.Largest + row);
        TRegister delta = TVector.Load(tile.Sums + row);
        float* scores = tile.Scores + row;
        float* gradients = tile.ScoreGradients + row;
        for (int j = 0; j < keys; j++)
        {
            TRegister probability = TVector.Exp(TVector.Subtract(TVector.Multiply(scales, TVector.Load(scores)), logSumExp));
            TVector.Store(scores, probability);
            TVector.Store(gradients, TVector.Multiply(probability, TVector.Subtract(TVector.Load(gradients), delta)));
            scores += Rows;
            gradients += Rows;
        }
    }

    // dv (keys, D) += probabilities (keys, rows) · dy (rows, D), dk (keys, D) += dScores (keys, rows) · q (rows, D).
    private readonly void AddToKeys(in AttentionRows rows, AttentionTile tile, float* dk, float* dv, int firstKey, int count)
    {
        for (int j = 0; j < count; j++)
        {
            tile.Starts[j] = rows.FirstRow(firstKey + j, Shape.HeadsPerKeyHead);
            tile.Ends[j] = rows.Count;
        }

        AttentionProduct product = new()
        {
            C = dv,
            CRow = tile.Width,
            A = tile.Scores,
            ARow = Rows,
            AStep = 1,
            B = tile.Upstream,
            BStep = tile.Width,
        };
        AttentionProduct<TVector, TRegister>.Accumulate(product, count, Shape.HeadWidth, tile.Starts, tile.Ends);
        product.C = dk;
        product.A = tile.ScoreGradients;
        product.B = tile.Queries;
        AttentionProduct<TVector, TRegister>.Accumulate(product, count, Shape.HeadWidth, tile.Starts, tile.Ends);
    }

    // dq (rows, D) += dScores (keys, rows)ᵀ · k (keys, D).
    private readonly void AddToQueries(in AttentionRows rows, AttentionTile tile, int firstKey, int count)
    {
        tile.SeeKeys(rows, firstKey, count, Shape.HeadsPerKeyHead);
        AttentionProduct<TVector, TRegister>.Accumulate(
            tile.RowsByKeys(tile.ScoreGradients, tile.KeyRows), rows.Count, Shape.HeadWidth, tile.Starts, tile.Ends);
    }
}
