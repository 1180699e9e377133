namespace Camels.Kernels.Ops;

/// <summary>Where a worker keeps the matrices of one tile: rows of queries against as many keys.</summary>
internal readonly unsafe struct AttentionTile
{
    /// <summary>
    /// Keys of a tile. Part of the canonical order: the softmax is rescaled after every so many keys of a document, counted from its first.
    /// </summary>
    public const int Keys = 64;

    private const int Rows = AttentionRows.Maximum;

    private readonly float* _start;

    /// <param name="start">The worker's memory.</param>
    /// <param name="headWidth">Columns that count.</param>
    public AttentionTile(float* start, int headWidth)
    {
        _start = start;
        Width = PaddedWidth(headWidth);
    }

    /// <summary>From one row of queries, keys or values to the next: the head's width, rounded up to a cache line.</summary>
    public int Width { get; }

    /// <summary>Queries (rows, width).</summary>
    public float* Queries => Matrix(0);

    /// <summary>The same, (width, rows).</summary>
    public float* QueriesTransposed => Matrix(1);

    /// <summary>Keys (keys, width).</summary>
    public float* KeyRows => Matrix(2);

    /// <summary>Values (keys, width).</summary>
    public float* ValueRows => Matrix(3);

    /// <summary>The rows' results (rows, width): outputs in the forward, gradients of the queries in the backward.</summary>
    public float* Results => Matrix(4);

    /// <summary>Gradients of the outputs (rows, width); backward only.</summary>
    public float* Upstream => Matrix(5);

    /// <summary>The same, (width, rows); backward only.</summary>
    public float* UpstreamTransposed => Matrix(6);

    /// <summary>Scores, then probabilities (keys, rows).</summary>
    public float* Scores => Matrix(7);

    /// <summary>Gradients of the probabilities, then of the scores (keys, rows); backward only.</summary>
    public float* ScoreGradients => Scores + (Keys * Rows);

    /// <summary>Keys that each row sees, as singles.</summary>
    public float* Limits => Vector(0);

    /// <summary>The largest scaled score of each row so far; in the backward the logarithm of its denominator.</summary>
    public float* Largest => Vector(1);

    /// <summary>The denominator of each row so far; in the backward dy · y.</summary>
    public float* Sums => Vector(2);

    /// <summary>What the newest tile multiplies each row's earlier sums by.</summary>
    public float* Factors => Vector(3);

    /// <summary>First step of each row of a product.</summary>
    public int* Starts => (int*)Vector(4);

    /// <summary>One past the last step of each row of a product.</summary>
    public int* Ends => (int*)Vector(5);

    /// <summary>Singles of memory behind one tile.</summary>
    public static long Elements(int headWidth) => (7L * Rows * PaddedWidth(headWidth)) + (2 * Keys * Rows) + (6 * Rows);

    /// <summary>Columns that a head takes in a tile.</summary>
    public static int PaddedWidth(int headWidth) => (headWidth + 15) & ~15;

    /// <summary>Loads <paramref name="count"/> keys and values from element <paramref name="offset"/> on.</summary>
    public void LoadKeys<TElement>(void* keys, void* values, nint offset, nint stride, int count, int headWidth)
        where TElement : struct, ICpuElements
    {
        for (int j = 0; j < count; j++)
        {
            AttentionPacking<TElement>.Load(KeyRows + (j * Width), keys, offset + (j * stride), headWidth, Width);
            AttentionPacking<TElement>.Load(ValueRows + (j * Width), values, offset + (j * stride), headWidth, Width);
        }
    }

    /// <summary>Sets the steps of products over keys: each row takes those that it sees of the tile's <paramref name="count"/>.</summary>
    public void SeeKeys(in AttentionRows rows, int firstKey, int count, int heads)
    {
        for (int row = 0; row < rows.Count; row++)
        {
            Starts[row] = 0;
            Ends[row] = rows.KeysIn(row, heads, firstKey, count);
        }
    }

    /// <summary>result (keys, rows) = left (keys, D) · right (D, rows), from row <paramref name="row"/> on.</summary>
    public AttentionProduct KeysByRows(float* result, float* left, float* right, int row) => new()
    {
        C = result + row,
        CRow = Rows,
        A = left,
        ARow = Width,
        AStep = 1,
        B = right + row,
        BStep = Rows,
    };

    /// <summary>Results (rows, D) += left (keys, rows)ᵀ · right (keys, D).</summary>
    public AttentionProduct RowsByKeys(float* left, float* right) => new()
    {
        C = Results,
        CRow = Width,
        A = left,
        ARow = 1,
        AStep = Rows,
        B = right,
        BStep = Width,
    };

    private float* Matrix(int i) => _start + (i * Rows * Width);

    private float* Vector(int i) => ScoreGradients + (Keys * Rows) + (i * Rows);
}
