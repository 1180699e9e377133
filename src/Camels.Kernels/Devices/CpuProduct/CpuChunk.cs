namespace Camels.Kernels;

/// <summary>
/// As much of a matrix product as is packed at once, and its division into tiles, which the sizes alone decide. The left factor is packed
/// by all threads together, unless it can be read where it lies. So is a small right factor; of a large one each worker packs, while it
/// computes a block, the panel of its next one, which never leaves that core's second cache.
/// </summary>
internal unsafe struct CpuChunk
{
    /// <summary>Most rows of a tile: what packing a block of the right factor is worth.</summary>
    public const int UsualRows = 2048;

    /// <summary>Most columns of a tile.</summary>
    public const int ColumnsPerTile = 2 * CpuTile.Columns;

    /// <summary>
    /// Most steps of k between two visits of a result: the right panel of a block, and that of the next, take two fifths of the second cache.
    /// </summary>
    public const int StepsPerBlock = 1024;

    private const int MostLines = StepsPerBlock / CpuTile.StepsPerRound;
    private const int FewestRows = 64;              // of a tile, where there are not enough columns for every thread
    private const int EnoughTiles = 8;
    private const int SharedElements = 128 << 10;   // a right factor of 512 KiB stays in every second cache
    private const int SetStrideElements = 1024;     // 4 KiB

    public CpuScratch Scratch;
    public CpuOperand Left;
    public CpuOperand Right;
    public int Rows;
    public int Columns;
    public int Steps;                   // elements along k: pairs of steps where Pairs is not none
    public int RowsPerTile;
    public int Workers;
    public long Number;
    public CpuPairs Pairs;

    /// <summary>Number of tiles, those of the first columns first.</summary>
    public readonly int Tiles => RowTiles * ColumnTiles;

    // Rows of the left factor that are read where they lie: those of whole panels in single precision, unless the lines that are read
    // together share one set of the first cache, or lie too far apart for the second.
    private readonly int RowsInPlace =>
        Left.DType == DType.F32 && (Left.ChainOutermost ? Left.Stride <= SetStrideElements / 2 : Left.Stride % SetStrideElements != 0)
            ? Rows - (Rows % CpuTile.Rows)
            : 0;

    private readonly bool SharesRight => Rows > FewestRows && (long)Columns * Steps <= SharedElements;

    // One or an even number: two threads finish together.
    private readonly int ColumnTiles
    {
        get
        {
            int fewest = CpuPanels.Count(Columns, ColumnsPerTile);
            return fewest <= 1 ? fewest : fewest + (fewest & 1);
        }
    }

    private readonly int RowTiles
    {
        get
        {
            int fewest = (Rows + RowsPerTile - 1) / RowsPerTile;
            int most = Rows / (SharesRight ? FewestRows : 4 * FewestRows);
            int wanted = (EnoughTiles + ColumnTiles - 1) / Math.Max(ColumnTiles, 1);
            return Math.Max(fewest, Math.Min(wanted, most));
        }
    }

    /// <summary>The rows of a tile.</summary>
    public readonly (int First, int Count) RowsOf(int tile) => Share(Rows, CpuTile.Rows, tile % RowTiles, RowTiles);

    /// <summary>The columns of a tile.</summary>
    public readonly (int First, int Count) ColumnsOf(int tile) => Share(Columns, CpuTile.Columns, tile / RowTiles, ColumnTiles);

    /// <summary>Packs the left factor, and the right if it is shared.</summary>
    public readonly void Pack(CpuWorkers workers)
    {
        (int groups, long groupElements) = Left.ChainOutermost
            ? (CpuPanels.Count(Steps, CpuPackWork.StepsPerGroup), (long)CpuPackWork.StepsPerGroup * (Rows - RowsInPlace))
            : (CpuPanels.Count(Rows - RowsInPlace, CpuTile.Rows), (long)CpuTile.Rows * Steps);
        CpuPackWork work = new()
        {
            Chunk = this,
            LeftGroups = new CpuParts(RowsInPlace < Rows ? groups : 0, groupElements),
            FirstRow = RowsInPlace,
            RightPanels = new CpuParts(SharesRight ? CpuPanels.Count(Columns, CpuTile.Columns) : 0, (long)CpuTile.Columns * Steps),
        };
        workers.Run(ref work, work.LeftGroups.Count + work.RightPanels.Count);
    }

    /// <summary>
    /// Runs <paramref name="cell"/> on every 8 × 48 results of one block of a tile. Meanwhile <paramref name="next"/> is packed, and
    /// what the next results read or write is fetched.
    /// </summary>
    public readonly void RunBlock<TCell>(CpuBlock block, CpuBlock next, int worker, TCell cell)
        where TCell : struct, ICpuCell
    {
        (int tile, int k, int steps, CpuPairs pairs) = block;
        (int firstRow, int rows) = RowsOf(tile);
        (int firstColumn, int columns) = ColumnsOf(tile);
        nint panelElements = (nint)CpuTile.Columns * (SharesRight ? Steps : steps);
        float* right = SharesRight
            ? Scratch.Right + ((nint)firstColumn * Steps) + (k * CpuTile.Columns)
            : Scratch.PanelOf(worker, PanelKey(block));
        if (right == null)
        {
            right = Scratch.NewPanel(worker, PanelKey(block));
            new CpuPacking(this, block, right, calls: 1).Finish();
        }

        bool packs = !SharesRight && next.Tile < Tiles;
        int panels = CpuPanels.Count(columns, CpuTile.Columns);
        CpuPacking packing = packs
            ? new(this, next, Scratch.NewPanel(worker, PanelKey(next)), CpuPanels.Count(rows, CpuTile.Rows) * panels)
            : default;
        byte** lines = stackalloc byte*[MostLines];
        new Span<nint>(lines, MostLines).Fill((nint)lines);
        int mostLines = steps / CpuTile.StepsPerRound;
        for (int row = 0; row < rows; row += CpuTile.Rows)
        {
            CpuLeft left = LeftAt(firstRow + row, k).Of(pairs);
            for (int panel = 0; panel < panels; panel++)
            {
                int column = panel * CpuTile.Columns;
                int packed = packing.Lines(lines, mostLines);
                (int nextRow, int nextColumn) = panel + 1 < panels ? (row, column + CpuTile.Columns) : (row + CpuTile.Rows, 0);
                _ = cell.Lines(
                    lines + packed, mostLines - packed, nextRow, Math.Min(rows, nextRow + CpuTile.Rows), nextColumn,
                    Math.Min(columns, nextColumn + CpuTile.Columns));
                cell.Run(
                    row, column, Math.Min(CpuTile.Rows, rows - row), Math.Min(CpuTile.Columns, columns - column),
                    left.With(panel, steps, lines), right + (panel * panelElements), steps);
                packing.Pack();
            }
        }

        packing.Finish();
    }

    private readonly CpuLeft LeftAt(int row, int k) => row < RowsInPlace
        ? CpuLeft.InPlace(Left.From(row, k))
        : CpuLeft.Packed(Scratch.Left + ((nint)row * Steps), Steps, k);

    // Whole panels, shared out as evenly as possible, the larger shares first.
    private static (int First, int Count) Share(int extent, int width, int part, int parts)
    {
        (int each, int larger) = Math.DivRem(CpuPanels.Count(extent, width), parts);
        int first = ((part * each) + Math.Min(part, larger)) * width;
        int end = first + ((part < larger ? each + 1 : each) * width);
        return (first, Math.Min(extent, end) - first);
    }

    // A block's name among all that are ever packed on the device.
    private readonly (long, int, int) PanelKey(CpuBlock block) => (Number, block.Tile, block.K);
}

/// <summary>
/// Packs the panels of a chunk: those of the left factor in groups, in the order in which memory holds it, then those of the right.
/// </summary>
internal unsafe struct CpuPackWork : ICpuWork
{
    /// <summary>Steps of the left factor that are packed together where k is outermost; else one panel is.</summary>
    public const int StepsPerGroup = 32;

    public CpuChunk Chunk;
    public CpuParts LeftGroups;
    public CpuParts RightPanels;
    public int FirstRow;

    public readonly void Run(int part, int worker)
    {
        if (part < LeftGroups.Count)
        {
            int start = LeftGroups.Start(part);
            int end = LeftGroups.End(part);
            if (Chunk.Left.ChainOutermost)
            {
                PackSteps(start * StepsPerGroup, Math.Min(Chunk.Steps, end * StepsPerGroup));
            }
            else
            {
                for (int row = FirstRow + (start * CpuTile.Rows); row < Math.Min(Chunk.Rows, FirstRow + (end * CpuTile.Rows)); row += CpuTile.Rows)
                {
                    PackLeft(row, k: 0, Chunk.Steps);
                }
            }
        }
        else
        {
            part -= LeftGroups.Count;
            for (int panel = RightPanels.Start(part); panel < RightPanels.End(part); panel++)
            {
                int first = panel * CpuTile.Columns;
                CpuPanels.Pack(
                    Chunk.Scratch.Right + ((nint)first * Chunk.Steps), CpuTile.Columns, Chunk.Right.From(first, k: 0),
                    Math.Min(CpuTile.Columns, Chunk.Columns - first), Chunk.Steps);
            }
        }
    }

    private readonly void PackSteps(int first, int end)
    {
        int packed = CpuTile.Rows * CpuPanels.PackEights(
            PanelAt(FirstRow, first), (nint)CpuTile.Rows * Chunk.Steps, Chunk.Left.From(FirstRow, first), Chunk.Rows - FirstRow, end - first);
        for (int k = first; k < end; k += StepsPerGroup)
        {
            for (int row = FirstRow + packed; row < Chunk.Rows; row += CpuTile.Rows)
            {
                PackLeft(row, k, Math.Min(StepsPerGroup, end - k));
            }
        }
    }

    private readonly void PackLeft(int row, int k, int steps) => CpuPanels.Pack(
        PanelAt(row, k), CpuTile.Rows, Chunk.Left.From(row, k), Math.Min(CpuTile.Rows, Chunk.Rows - row), steps);

    private readonly float* PanelAt(int row, int k) => Chunk.Scratch.Left + ((nint)row * Chunk.Steps) + (k * CpuTile.Rows);
}
