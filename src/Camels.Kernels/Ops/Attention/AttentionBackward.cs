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
    private const int RowStride = AttentionTile.RowStride;

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

    /// <summary>Singles of memory for the keys and values of <paramref name="tokens"/> and their gradients.</summary>
    public static long DocumentElements(int tokens, int headWidth) =>
        4L * AttentionProduct.WholeBlocks(tokens + 1) * AttentionTile.Stride(headWidth);

    /// <summary>Computes a document of <paramref name="tokens"/> tokens for one key head; <paramref name="rows"/> are its first.</summary>
    public readonly void Start(in AttentionRows rows, float* memory, int tokens)
    {
        Document document = new(memory, tokens, Shape.HeadWidth);
        NativeMemory.Clear(memory, (nuint)(DocumentElements(tokens, Shape.HeadWidth) * sizeof(float)));
        for (int j = 0; j < tokens; j++)
        {
            nint offset = KeyOffset(rows, j);
            nint place = (nint)j * document.Width;
            AttentionPacking<TElement>.Load(document.K + place, K, offset, Shape.HeadWidth, document.Width);
            AttentionPacking<TElement>.Load(document.V + place, V, offset, Shape.HeadWidth, document.Width);
        }
    }

    /// <summary>Adds the rows' part to the document's gradients and writes their own.</summary>
    public readonly void Run(in AttentionRows rows, in AttentionTile tile, float* memory, int tokens)
    {
        Document document = new(memory, tokens, Shape.HeadWidth);
        LoadRows(rows, tile);
        int keys = rows.Keys(rows.Count - 1, Shape.HeadsPerKeyHead);
        for (int first = 0; first < keys; first += AttentionTile.Keys)
        {
            int count = Math.Min(AttentionTile.Keys, keys - first);
            Document at = document.From(first);
            for (int row = 0; row < rows.Count; row += 2 * TVector.Width)
            {
                int columns = Math.Min(2 * TVector.Width, rows.Count - row);
                int seen = tile.SeenBy(row + columns - 1, first, count);
                AttentionProduct<TVector, TRegister>.Multiply(
                    tile.KeysByRows(tile.Scores, at.K, at.Width, tile.QueriesTransposed, row), seen, columns, Shape.HeadWidth);
                AttentionProduct<TVector, TRegister>.Multiply(
                    tile.KeysByRows(tile.ScoreGradients, at.V, at.Width, tile.UpstreamTransposed, row), seen, columns, Shape.HeadWidth);
                for (int lane = row; lane < row + columns; lane += TVector.Width)
                {
                    int lastRow = Math.Min(rows.Count, lane + TVector.Width) - 1;
                    Differentiate(tile, lane, tile.SeenBy(lastRow, first, count));
                }
            }

            AddToKeys(rows, tile, at, first, count);
            tile.SeeKeys(rows.Count, first, count);
            AttentionProduct<TVector, TRegister>.Accumulate(
                tile.RowsByKeys(tile.ScoreGradients, at.K, at.Width), rows.Count, Shape.HeadWidth, tile.Starts, tile.Ends);
        }

        for (int row = 0; row < rows.Count; row++)
        {
            nint offset = (nint)tile.QueryNumbers[row] * Shape.HeadWidth;
            AttentionPacking<TElement>.Store(Dq, offset, tile.Results + (row * tile.Width), Shape.HeadWidth, Shape.Scale);
        }
    }

    /// <summary>Writes the gradients of the document's keys and values.</summary>
    public readonly void Finish(in AttentionRows rows, float* memory, int tokens)
    {
        Document document = new(memory, tokens, Shape.HeadWidth);
        for (int j = 0; j < tokens; j++)
        {
            nint offset = KeyOffset(rows, j);
            nint place = (nint)j * document.Width;
            AttentionPacking<TElement>.Store(Dk, offset, document.Dk + place, Shape.HeadWidth, Shape.Scale);
            AttentionPacking<TElement>.Store(Dv, offset, document.Dv + place, Shape.HeadWidth, factor: 1);
        }
    }

    private readonly nint KeyOffset(in AttentionRows rows, int key) =>
        (nint)(((rows.FirstKeyRow + key) * Shape.KeyHeads) + rows.KeyHead) * Shape.HeadWidth;

    private readonly void LoadRows(in AttentionRows rows, in AttentionTile tile)
    {
        rows.Limits(tile.Limits, Shape);
        rows.Queries(tile.QueryNumbers, Shape);
        for (int row = 0; row < rows.Count; row++)
        {
            tile.Largest[row] = LogSumExp[tile.QueryNumbers[row]];
        }

        // The outputs are needed only here, and borrow the place of the queries.
        int width = Shape.HeadWidth;
        tile.LoadRows<TElement>(tile.Upstream, tile.UpstreamTransposed, Dy, rows.Count, width);
        tile.LoadRows<TElement>(tile.Queries, tile.QueriesTransposed, Y, rows.Count, width);
        Sums(rows, tile);
        tile.LoadRows<TElement>(tile.Queries, tile.QueriesTransposed, Q, rows.Count, width);
        tile.ClearResults(rows.Count);
    }

    // dy · y of each row, in the order of the products that it is subtracted from: with a single key the difference is exactly 0.
    private readonly void Sums(in AttentionRows rows, in AttentionTile tile)
    {
        for (int row = 0; row < rows.Count; row += TVector.Width)
        {
            TRegister sum = TVector.Broadcast(0);
            for (int d = 0; d < Shape.HeadWidth; d++)
            {
                int place = (d * RowStride) + row;
                sum = TVector.MultiplyAdd(TVector.Load(tile.QueriesTransposed + place), TVector.Load(tile.UpstreamTransposed + place), sum);
            }

            TVector.Store(tile.Sums + row, sum);
        }
    }

    // One register of rows: scores become probabilities, their gradients become those of the scores. Of keys that a row does not see the
    // numbers mean nothing, and the sums leave them out.
    private readonly void Differentiate(in AttentionTile tile, int row, int keys)
    {
        TRegister scale = TVector.Broadcast(Shape.Scale);
        TRegister logSumExp = TVector.Load(tile.Largest + row);
        TRegister delta = TVector.Load(tile.Sums + row);
        float* scores = tile.Scores + row;
        float* gradients = tile.ScoreGradients + row;
        for (int j = 0; j < keys; j++)
        {
            TRegister probability = AttentionExp<TVector, TRegister>.Run(TVector.Subtract(TVector.Multiply(scale, TVector.Load(scores)), logSumExp));
            TVector.Store(scores, probability);
            TVector.Store(gradients, TVector.Multiply(probability, TVector.Subtract(TVector.Load(gradients), delta)));
            scores += RowStride;
            gradients += RowStride;
        }
    }

    // dv (keys, D) += probabilities (keys, rows) · dy (rows, D), dk (keys, D) += dScores (keys, rows) · q (rows, D).
    private readonly void AddToKeys(in AttentionRows rows, in AttentionTile tile, in Document at, int firstKey, int count)
    {
        for (int j = 0; j < count; j++)
        {
            tile.Starts[j] = rows.FirstRow(firstKey + j, Shape.HeadsPerKeyHead);
            tile.Ends[j] = rows.Count;
        }

        AttentionProduct product = new()
        {
            C = at.Dv,
            CRow = tile.Width,
            A = tile.Scores,
            ARow = RowStride,
            AStep = 1,
            B = tile.Upstream,
            BStep = tile.Width,
        };
        AttentionProduct<TVector, TRegister>.Accumulate(product, count, Shape.HeadWidth, tile.Starts, tile.Ends);
        product.C = at.Dk;
        product.A = tile.ScoreGradients;
        product.B = tile.Queries;
        AttentionProduct<TVector, TRegister>.Accumulate(product, count, Shape.HeadWidth, tile.Starts, tile.Ends);
    }

    // The keys of a document, their values and the gradients of both, each (tokens, width) and padded with zeros.
    private readonly struct Document(float* start, nint stride, int width)
    {
        public Document(float* memory, int tokens, int headWidth)
            : this(memory, (nint)DocumentElements(tokens, headWidth) / 4, AttentionTile.Stride(headWidth))
        {
        }

        public int Width => width;

        public float* K => start;

        public float* V => start + stride;

        public float* Dk => start + (2 * stride);

        public float* Dv => start + (3 * stride);

        public Document From(int key) => new(start + ((nint)key * width), stride, width);
    }
}
