namespace Camels.Kernels;

/// <summary>
/// Packs the right panels of a block in as many pieces as there are calls of the tile to compute meanwhile: during a call the lines of a
/// piece are fetched, after it the piece is packed, so the latency of memory is never waited for, and few lines wait in the caches at a time
/// (rows 4 KiB apart share sixteen sets of the second cache).
/// </summary>
internal unsafe struct CpuPacking
{
    private const int LineBytes = 64;

    private readonly CpuOperand _source;
    private readonly float* _panels;
    private readonly nint _rowBytes;
    private readonly int _columns;
    private readonly int _steps;
    private readonly int _stepsPerPiece;
    private int _column;
    private int _packed;

    /// <summary>Packs what <paramref name="block"/> needs into <paramref name="panels"/>.</summary>
    public CpuPacking(CpuChunk chunk, CpuBlock block, float* panels, int calls)
    {
        (int first, _columns) = chunk.ColumnsOf(block.Tile);
        _source = chunk.Right.From(first, block.K);
        _panels = panels;
        _rowBytes = _source.Stride * _source.ElementBytes;
        _steps = block.Steps;
        int pieces = Math.Max(1, calls / Math.Max(1, CpuPanels.Count(_columns, CpuTile.Columns)));
        int stepsPerLine = _source.ChainOutermost ? 1 : LineBytes / BytesPerStep;
        _stepsPerPiece = CpuPanels.Count(CpuPanels.Count(_steps, pieces), stepsPerLine) * stepsPerLine;
    }

    private readonly int RowsPerStep => _source.IsPaired ? 2 : 1;

    private readonly int BytesPerStep => _source.ElementBytes * RowsPerStep;

    private readonly int Width => Math.Min(CpuTile.Columns, _columns - _column);

    private readonly int Steps => Math.Min(_stepsPerPiece, _steps - _packed);

    /// <summary>The lines of the next piece, at most <paramref name="most"/>; returns their number.</summary>
    public readonly int Lines(byte** lines, int most)
    {
        if (_column >= _columns)
        {
            return 0;
        }

        byte* piece = (byte*)_source.From(_column, _packed).Address;
        (int rows, int bytes) = _source.ChainOutermost
            ? (Steps * RowsPerStep, Width * _source.ElementBytes)
            : (Width, Steps * BytesPerStep);
        nint offset = (nint)piece & (LineBytes - 1);
        piece -= offset;
        int count = 0;
        for (int row = 0; row < rows; row++)
        {
            for (nint line = 0; line < offset + bytes && count < most; line += LineBytes)
            {
                lines[count++] = piece + line;
            }

            piece += _rowBytes;
        }

        return count;
    }

    /// <summary>Packs the next piece, if there is one.</summary>
    public void Pack()
    {
        if (_column >= _columns)
        {
            return;
        }

        float* panel = _panels + ((nint)_column * _steps) + (_packed * CpuTile.Columns);
        CpuPanels.Pack(panel, CpuTile.Columns, _source.From(_column, _packed), Width, Steps);
        _packed += _stepsPerPiece;
        if (_packed >= _steps)
        {
            _packed = 0;
            _column += CpuTile.Columns;
        }
    }

    /// <summary>Packs what is left.</summary>
    public void Finish()
    {
        while (_column < _columns)
        {
            Pack();
        }
    }
}
