namespace Camels.Kernels.Ops;

/// <summary>
/// What the cpu keeps in the workspace: the trained rows of x and of dx (M, C), the sums over the vocabulary so far and the label's logit of
/// each token, and tiles (M, columns) of logits. Where not all tiles fit, the last of those that do is used by all the rest in turn.
/// </summary>
internal readonly unsafe struct LossHeadSpace
{
    private const int MostColumns = 2048;
    private const long ElementsPerTile = 8L << 20;

    private readonly float* _start;
    private readonly int _tokens;
    private readonly int _channels;
    private readonly int _vocabulary;
    private readonly int _columns;
    private readonly int _places;

    public LossHeadSpace(Tensor workspace, int tokens, int channels, int vocabulary)
    {
        _start = workspace.Pointer<float>();
        _tokens = tokens;
        _channels = channels;
        _vocabulary = vocabulary;
        long columns = ElementsPerTile / Math.Max(tokens, 1) / CpuLogSumExp.BlockElements * CpuLogSumExp.BlockElements;
        _columns = Math.Min(vocabulary, (int)Math.Clamp(columns, CpuLogSumExp.BlockElements, MostColumns));
        Tiles = tokens == 0 || vocabulary == 0 ? 0 : (vocabulary + _columns - 1) / _columns;
        long logits = workspace.Elements - (2L * tokens * channels) - (3L * tokens);
        bool all = (long)tokens * vocabulary <= logits;
        if (!all && (long)tokens * _columns > logits)
        {
            _columns = CpuLogSumExp.BlockElements;
            Tiles = (vocabulary + _columns - 1) / _columns;
        }

        _places = all ? Tiles : (int)(logits / ((long)tokens * _columns));
    }

    /// <summary>Number of tiles of the vocabulary.</summary>
    public int Tiles { get; }

    /// <summary>Rows of x in their type.</summary>
    public Tensor X(DType dtype) => new((nint)_start, dtype, new Shape(_tokens, _channels));

    /// <summary>Rows of dx in single precision.</summary>
    public Tensor Dx => new((nint)(_start + ((nint)_tokens * _channels)), DType.F32, new Shape(_tokens, _channels));

    /// <summary>Sums over the vocabulary.</summary>
    public Span<CpuLogSumExp> Sums => new(Tokens, _tokens);

    /// <summary>Each token's logit of its label.</summary>
    public Span<float> LabelLogits => new(Tokens + (2 * (nint)_tokens), _tokens);

    private float* Tokens => _start + (2 * (nint)_tokens * _channels);

    /// <summary>The words of a tile.</summary>
    public (int First, int Count) ColumnsOf(int tile) => (tile * _columns, Math.Min(_columns, _vocabulary - (tile * _columns)));

    /// <summary>True where the tile's place is its own.</summary>
    public bool Keeps(int tile) => _places == Tiles || tile < _places - 1;

    /// <summary>The place of a tile's logits (M, columns).</summary>
    public Tensor Logits(int tile)
    {
        nint place = Math.Min(tile, _places - 1);
        float* logits = Tokens + (3 * (nint)_tokens) + (place * _tokens * _columns);
        return new Tensor((nint)logits, DType.F32, new Shape(_tokens, ColumnsOf(tile).Count));
    }

    /// <summary>The same memory for gradients in a type that may be narrower: the first columns of each row are in use.</summary>
    public Tensor Gradients(int tile, DType dtype) =>
        new(Logits(tile).Address, dtype, new Shape(_tokens, ColumnsOf(tile).Count * sizeof(float) / dtype.Bytes()));
}
