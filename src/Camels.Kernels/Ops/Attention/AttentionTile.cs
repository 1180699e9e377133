namespace Camels.Kernels.Ops;

/// <summary>
/// A worker's memory: what all share, keys and values of a tile for several key heads, and for each set of rows and head the matrices of its
/// own. Buffers have room for whole blocks and registers; what is loaded is padded with zeros.
/// </summary>
internal readonly unsafe struct AttentionTile
{
    /// <summary>
    /// Keys of a tile. Part of the canonical order: the softmax is rescaled after every so many keys of a document, counted from its first.
    /// </summary>
    public const int Keys = 64;

    /// <summary>From one key to the next in a matrix (keys, rows), and from one column to the next in a matrix (width, rows).</summary>
    public const int RowStride = Rows + CacheLine;

    private const int Rows = AttentionRows.Maximum;
    private const int CacheLine = 16;
    private const int VectorElements = 5 * Rows;
    private const int SharedElements = (2 * Keys * RowStride) + VectorElements;

    /// <param name="start">The worker's memory.</param>
    /// <param name="headWidth">Columns that count.</param>
    /// <param name="heads">Key heads that the worker has at once.</param>
    /// <param name="head">Which of them this is.</param>
    /// <param name="member">Which of the sets and heads this is.</param>
    public AttentionTile(float* start, int headWidth, int heads, int head, int member)
    {
        int columns = PaddedWidth(headWidth);
        Width = Stride(headWidth);
        KeyStride = Stride(heads * columns);
        Scores = start;
        ScoreGradients = Scores + (Keys * RowStride);
        Factors = ScoreGradients + (Keys * RowStride);
        Starts = (int*)(Factors + Rows);
        Ends = Starts + Rows;
        QueryNumbers = (long*)(Ends + Rows);
        Queries = start + SharedElements;
        Upstream = Queries + (Rows * Width);
        UpstreamTransposed = Upstream + (Rows * Width);
        KeyRows = Upstream + (head * columns);
        ValueRows = KeyRows + (Keys * KeyStride);
        QueriesTransposed = start + SharedElements + LoadedElements(headWidth, heads) + (member * OwnElements(headWidth));
        Results = QueriesTransposed + (columns * RowStride);
        Largest = Results + (Rows * Width);
        Sums = Largest + Rows;
        Limits = Sums + Rows;
    }

    /// <summary>From one row of queries to the next.</summary>
    public int Width { get; }

    /// <summary>From one key or value to the next: those of all heads lie side by side.</summary>
    public int KeyStride { get; }

    /// <summary>Scores, then probabilities (keys, rows).</summary>
    public float* Scores { get; }

    /// <summary>Gradients of the probabilities, then of the scores (keys, rows).</summary>
    public float* ScoreGradients { get; }

    /// <summary>What the newest tile multiplies each row's earlier sums by.</summary>
    public float* Factors { get; }

    /// <summary>First step of each row of a product.</summary>
    public int* Starts { get; }

    /// <summary>One past the last step of each row of a product.</summary>
    public int* Ends { get; }

    /// <summary>The number of each row's query.</summary>
    public long* QueryNumbers { get; }

    /// <summary>Queries (rows, width); in the forward one head's at a time.</summary>
    public float* Queries { get; }

    /// <summary>Gradients of the outputs (rows, width); backward only.</summary>
    public float* Upstream { get; }

    /// <summary>The same, (width, rows).</summary>
    public float* UpstreamTransposed { get; }

    /// <summary>Keys of all heads (keys, heads, width), from this head on; forward only.</summary>
    public float* KeyRows { get; }

    /// <summary>Values of all heads (keys, heads, width), from this head on; forward only.</summary>
    public float* ValueRows { get; }

    /// <summary>The head's queries (width, rows).</summary>
    public float* QueriesTransposed { get; }

    /// <summary>The rows' results (rows, width): outputs in the forward, gradients of the queries in the backward.</summary>
    public float* Results { get; }

    /// <summary>The largest scaled score of each row so far; in the backward the logarithm of its denominator.</summary>
    public float* Largest { get; }

    /// <summary>The denominator of each row so far; in the backward dy · y.</summary>
    public float* Sums { get; }

    /// <summary>Keys that each row sees, as singles.</summary>
    public float* Limits { get; }

    /// <summary>Singles of memory for <paramref name="heads"/> key heads and <paramref name="sets"/> sets of rows.</summary>
    public static long Elements(int headWidth, int heads, int sets) =>
        SharedElements + LoadedElements(headWidth, heads) + ((long)heads * sets * OwnElements(headWidth));

    /// <summary>Columns that a head takes: its width, rounded up to a cache line.</summary>
    public static int PaddedWidth(int columns) => (columns + CacheLine - 1) & -CacheLine;

    /// <summary>
    /// A distance between rows of so many columns: an odd number of cache lines, so that a column of a matrix is spread over the whole cache.
    /// </summary>
    public static int Stride(int columns) => PaddedWidth(columns) | CacheLine;

    /// <summary>
    /// Loads the rows' part of a tensor of queries to <paramref name="destination"/> (rows, width), and transposes it. Rows up to the next
    /// whole register are zeros: what was there before might be denormal, and slow.
    /// </summary>
    public void LoadRows<TElement>(float* destination, float* transposed, void* source, int rows, int headWidth)
        where TElement : struct, ICpuElements
    {
        for (int row = 0; row < rows; row++)
        {
            AttentionPacking<TElement>.Load(destination + (row * Width), source, (nint)QueryNumbers[row] * headWidth, headWidth, Width);
        }

        int padded = PaddedWidth(rows);
        new Span<float>(destination + (rows * Width), (padded - rows) * Width).Clear();
        AttentionTransposition.Run(transposed, RowStride, destination, Width, padded, headWidth);
    }

    /// <summary>Clears the results of <paramref name="rows"/> rows, and of the rest of their last block.</summary>
    public void ClearResults(int rows) => new Span<float>(Results, AttentionProduct.WholeBlocks(rows) * Width).Clear();

    /// <summary>Keys that a row sees among the <paramref name="count"/> from <paramref name="firstKey"/> on.</summary>
    public int SeenBy(int row, int firstKey, int count) => Math.Clamp((int)Limits[row] - firstKey, 0, count);

    /// <summary>Sets the steps of products over keys: each row takes those that it sees.</summary>
    public void SeeKeys(int rows, int firstKey, int count)
    {
        for (int row = 0; row < rows; row++)
        {
            Starts[row] = 0;
            Ends[row] = SeenBy(row, firstKey, count);
        }
    }

    /// <summary>result (keys, rows) = left (keys, D) · right (D, rows), from row <paramref name="row"/> on.</summary>
    public AttentionProduct KeysByRows(float* result, float* left, int leftStride, float* right, int row) => new()
    {
        C = result + row,
        CRow = RowStride,
        A = left,
        ARow = leftStride,
        AStep = 1,
        B = right + row,
        BStep = RowStride,
    };

    /// <summary>Results (rows, D) += left (keys, rows)ᵀ · right (keys, D).</summary>
    public AttentionProduct RowsByKeys(float* left, float* right, int rightStride) => new()
    {
        C = Results,
        CRow = Width,
        A = left,
        ARow = 1,
        AStep = RowStride,
        B = right,
        BStep = rightStride,
    };

    // Queries, and either keys and values or what the backward needs of the outputs' gradients.
    private static int LoadedElements(int headWidth, int heads) =>
        (Rows * Stride(headWidth)) + Math.Max(
            2 * Keys * Stride(heads * PaddedWidth(headWidth)), (Rows * Stride(headWidth)) + (PaddedWidth(headWidth) * RowStride));

    private static int OwnElements(int headWidth) => (PaddedWidth(headWidth) * RowStride) + (Rows * Stride(headWidth)) + (3 * Rows);
}
