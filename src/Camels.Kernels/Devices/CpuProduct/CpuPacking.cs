namespace Camels.Kernels;

/// <summary>
/// Packs a right panel in as many pieces as there are rows of tiles to compute meanwhile: during one piece of arithmetic the lines of a later
/// piece are fetched, so the latency of memory is never waited for, and few lines wait in the caches at a time (rows 4 KiB apart share
/// sixteen sets of the second cache).
/// </summary>
internal unsafe struct CpuPacking
{
    private const int CacheLine = 64;

    private readonly CpuOperand _source;
    private readonly float* _panel;
    private readonly int _columns;
    private readonly int _steps;
    private readonly int _calls;
    private readonly int _lines;
    private int _packed;

    /// <summary>Packs what <paramref name="block"/> needs into <paramref name="panel"/>.</summary>
    public CpuPacking(CpuChunk chunk, CpuBlock block, float* panel, int calls)
    {
        (int first, _columns) = chunk.ColumnsOf(block.Tile);
        _source = chunk.Right.From(first, block.K);
        _panel = panel;
        _steps = block.Steps;
        _calls = calls;
        nint lineBytes = _columns * _source.DType.Bytes();
        bool isAligned = ((_source.Address | (_source.Stride * _source.DType.Bytes())) & (CacheLine - 1)) == 0;
        _lines = _source.ChainOutermost ? (int)((lineBytes + CacheLine - 1) / CacheLine) + (isAligned ? 0 : 1) : 1;
    }

    // A line of each step where steps are rows of the source, else a line of each vector.
    private readonly int StepsPerLine => _source.ChainOutermost ? 1 : CacheLine / Math.Max(_source.DType.Bytes(), 1);

    /// <summary>What to fetch during call <paramref name="call"/>, which takes <paramref name="steps"/> steps of k itself.</summary>
    public readonly CpuFetch Fetch(int call, int steps)
    {
        if (_steps == 0)
        {
            return default;
        }

        // Several lines of a step are fetched in as many calls, one line of all the steps of those calls in each.
        int group = call / _lines * _lines;
        int start = StartOf(group);
        int count = StartOf(group + _lines) - start;
        CpuOperand first = _source.From(0, start);
        return new CpuFetch(
            (byte*)first.Address + (call % _lines * CacheLine), _source.Stride * _source.DType.Bytes(),
            _source.ChainOutermost ? count : count == 0 ? 0 : _columns, steps);
    }

    /// <summary>Packs the piece that was fetched before call <paramref name="call"/>.</summary>
    public void Pack(int call) => PackTo(StartOf(call - _lines + 1));

    /// <summary>Packs what is left.</summary>
    public void Finish() => PackTo(_steps);

    private readonly int StartOf(int call)
    {
        int step = (int)((long)_steps * Math.Max(call, 0) / Math.Max(_calls, 1));
        return call >= _calls ? _steps : step / StepsPerLine * StepsPerLine;
    }

    private void PackTo(int end)
    {
        if (end > _packed)
        {
            CpuPanels.Pack(_panel + (_packed * CpuTile.Columns), CpuTile.Columns, _source.From(0, _packed), _columns, end - _packed);
            _packed = end;
        }
    }
}
