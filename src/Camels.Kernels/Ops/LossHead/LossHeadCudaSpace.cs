namespace Camels.Kernels.Ops;

/// <summary>
/// What the GPU keeps in the workspace: the trained rows of x (M, C) in their type, those of dx (M, C) in single precision, tiles (M, columns)
/// of logits, and at the end three numbers for each token. Where not all tiles fit, the last of those that do is used by all the rest in turn.
/// </summary>
internal readonly struct LossHeadCudaSpace
{
    private const int MostColumns = 8192;
    private const long ElementsPerTile = 8L << 20;

    private readonly Tensor _workspace;
    private readonly int _tokens;
    private readonly int _channels;
    private readonly int _vocabulary;
    private readonly int _columns;
    private readonly int _places;

    public LossHeadCudaSpace(Tensor workspace, int tokens, int channels, int vocabulary)
    {
        const int Block = CpuLogSumExp.BlockElements;
        _workspace = workspace;
        _tokens = tokens;
        _channels = channels;
        _vocabulary = vocabulary;
        long logits = workspace.Elements - (2L * tokens * channels) - (3L * tokens);
        long columns = Math.Min(ElementsPerTile, logits) / Math.Max(tokens, 1) / Block * Block;
        _columns = Math.Min(vocabulary, (int)Math.Clamp(columns, Block, MostColumns));
        Tiles = tokens == 0 || vocabulary == 0 ? 0 : (vocabulary + _columns - 1) / _columns;
        _places = Tiles == 0 ? 0 : (int)Math.Min(Tiles, logits / ((long)tokens * _columns));
    }

    /// <summary>Number of tiles of the vocabulary.</summary>
    public int Tiles { get; }

    /// <summary>Each token's largest logit so far.</summary>
    public Tensor Largest => OfTokens(3);

    /// <summary>Each token's sum of exponentials so far.</summary>
    public Tensor Sums => OfTokens(2);

    /// <summary>Each token's logit of its label.</summary>
    public Tensor LabelLogits => OfTokens(1);

    /// <summary>Rows of dx in single precision.</summary>
    public Tensor Dx => At((long)_tokens * _channels, DType.F32, _tokens, _channels);

    /// <summary>Rows of x.</summary>
    public Tensor X(DType dtype) => At(0, dtype, _tokens, _channels);

    /// <summary>The words of a tile.</summary>
    public (int First, int Count) ColumnsOf(int tile) => (tile * _columns, Math.Min(_columns, _vocabulary - (tile * _columns)));

    /// <summary>True where the tile's place is its own.</summary>
    public bool Keeps(int tile) => _places == Tiles || tile < _places - 1;

    /// <summary>The place of a tile: logits, or their gradients in a type that is no wider, in the same rows.</summary>
    public CudaMatrix Logits(int tile, DType dtype)
    {
        long place = Math.Min(tile, _places - 1);
        Tensor tensor = At((2L * _tokens * _channels) + (place * _tokens * _columns), dtype, _tokens, ColumnsOf(tile).Count);
        return new CudaMatrix(tensor, (long)_columns * sizeof(float) / dtype.Bytes());
    }

    private Tensor OfTokens(int placeFromEnd) => At(_workspace.Elements - ((long)placeFromEnd * _tokens), DType.F32, _tokens);

    private Tensor At(long element, DType dtype, params ReadOnlySpan<int> extents) =>
        new(_workspace.Address + (nint)(element * sizeof(float)), dtype, new Shape(extents));
}
