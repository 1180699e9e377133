namespace Camels.Kernels;

/// <summary>
/// Packs the right panels of a block in as many pieces as there are calls of the tile to compute meanwhile: during one call the lines of a
/// later piece are fetched, so the latency of memory is never waited for, and few lines wait in the caches at a time (rows 4 KiB apart
/// share sixteen sets of the second cache).
/// </summary>
internal unsafe struct CpuPacking
{
    private const int CacheLine = 64;

    private readonly CpuOperand _source;
    private readonly float* _panels;
    private readonly int _columns;
    private readonly int _steps;
    private readonly int _callsOfPanel;
    private readonly int _linesPerRow;
    private readonly int _rowsPerStep;
    private int _panel;
    private int _packed;

    /// <summary>Packs what <paramref name="block"/> needs into <paramref name="panels"/>.</summary>
    public CpuPacking(CpuChunk chunk, CpuBlock block, float* panels, int calls)
    {
        (int first, _columns) = chunk.ColumnsOf(block.Tile);
        _source = chunk.Right.From(first, block.K);
        _panels = panels;
        _steps = block.Steps;
        _callsOfPanel = Math.Max(1, calls / Math.Max(1, CpuPanels.Count(_columns, CpuTile.Columns)));
        nint lineBytes = CpuTile.Columns * _source.DType.Bytes();
        bool isAligned = ((_source.Address | (_source.Stride * _source.DType.Bytes())) & (CacheLine - 1)) == 0;
        _linesPerRow = _source.ChainOutermost ? (int)((lineBytes + CacheLine - 1) / CacheLine) + (isAligned ? 0 : 1) : 1;
        _rowsPerStep = _source.ChainOutermost && _source.IsPaired ? 2 : 1;
    }

    // A line of each step where steps are rows of the source, else a line of each vector.
    private readonly int StepsPerLine => _source.ChainOutermost ? 1 : CacheLine / (_source.IsPaired ? sizeof(uint) : _source.DType.Bytes());

    private readonly int Lines => _linesPerRow * _rowsPerStep;

    private readonly int Width => Math.Min(CpuTile.Columns, _columns - (_panel * CpuTile.Columns));

    /// <summary>What to fetch during call <paramref name="call"/>, which takes <paramref name="steps"/> steps of k itself.</summary>
    public readonly CpuFetch Fetch(int call, int steps)
    {
        if (_columns == 0)
        {
            return default;
        }

        // Several lines of a step are fetched in as many calls, one line of all the steps of those calls in each.
        int line = (call % _callsOfPanel) % Lines;
        int first = StartOf((call % _callsOfPanel) - line);
        int count = StartOf((call % _callsOfPanel) - line + Lines) - first;
        CpuOperand start = _source.From(call / _callsOfPanel * CpuTile.Columns, first);
        nint rowBytes = _source.Stride * _source.DType.Bytes();
        return new CpuFetch(
            (byte*)start.Address + (line / _linesPerRow * rowBytes) + (line % _linesPerRow * CacheLine), _rowsPerStep * rowBytes,
            _source.ChainOutermost ? count : count == 0 ? 0 : Width, steps);
    }

    /// <summary>Packs the piece that was fetched before call <paramref name="call"/>.</summary>
    public void Pack(int call)
    {
        if (_columns == 0)
        {
            return;
        }

        if (call / _callsOfPanel > _panel)
        {
            FinishPanel();
        }

        PackTo(StartOf((call % _callsOfPanel) - Lines + 1));
    }

    /// <summary>Packs what is left.</summary>
    public void Finish()
    {
        while (_panel * CpuTile.Columns < _columns)
        {
            FinishPanel();
        }
    }

    private readonly int StartOf(int call)
    {
        int step = (int)((long)_steps * Math.Max(call, 0) / _callsOfPanel);
        return call >= _callsOfPanel ? _steps : step / StepsPerLine * StepsPerLine;
    }

    private void FinishPanel()
    {
        PackTo(_steps);
        _panel++;
        _packed = 0;
    }

    private void PackTo(int end)
    {
        if (end > _packed && Width > 0)
        {
            float* panel = _panels + ((nint)_panel * CpuTile.Columns * _steps) + (_packed * CpuTile.Columns);
            CpuPanels.Pack(panel, CpuTile.Columns, _source.From(_panel * CpuTile.Columns, _packed), Width, end - _packed);
            _packed = end;
        }
    }
}
