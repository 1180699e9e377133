using System.Runtime.Intrinsics.X86;

namespace Camels.Kernels;

/// <summary>
/// As much of a matrix product as is packed at once, and its division into tiles, which the sizes alone decide. The left factor is packed
/// by all threads together, unless it can be read where it lies. So is a small right factor; of a large one each tile packs the block of k
/// that it is at, which then never leaves that core's second cache.
/// </summary>
internal unsafe struct CpuChunk
{
    /// <summary>Most rows of a tile: what packing a block of the right factor is worth.</summary>
    public const int UsualRows = 512;

    /// <summary>Most columns of a tile.</summary>
    public const int ColumnsPerTile = 2 * CpuTile.Columns;

    /// <summary>Most steps of k between two visits of a result: a tile's right panels for so many steps take a fifth of the second cache.</summary>
    public const int StepsPerBlock = 1024;

    private const int FewestRows = 64;              // of a tile, where there are not enough columns for every thread
    private const int EnoughTiles = 8;
    private const int SharedElements = 128 << 10;   // a right factor of 512 KiB stays in every second cache
    private const int CacheLine = 64;
    private const int SetStrideElements = 1024;     // 4 KiB

    public CpuScratch Scratch;
    public CpuOperand Left;
    public CpuOperand Right;
    public int Rows;
    public int Columns;
    public int Steps;
    public int RowsPerTile;
    public int Workers;

    /// <summary>Number of tiles, those of the first columns first.</summary>
    public readonly int Tiles => RowTiles * ColumnTiles;

    // Rows of the left factor that are read where they lie: those of whole panels in single precision, unless the lines that are read
    // together share one set of the first cache, or lie too far apart for the second.
    private readonly int RowsInPlace =>
        Left.DType == DType.F32 && (Left.ChainOutermost ? Left.Stride <= SetStrideElements / 2 : Left.Stride % SetStrideElements != 0)
            ? Rows - (Rows % CpuTile.Rows)
            : 0;

    private readonly bool SharesRight => Rows > FewestRows && (long)Columns * Steps <= SharedElements;

    private readonly int ColumnTiles => (Columns + ColumnsPerTile - 1) / ColumnsPerTile;

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
        CpuPackWork work = new()
        {
            Chunk = this,
            LeftGroups = new CpuParts(CpuPanels.Count(Rows - RowsInPlace, CpuPackWork.RowsPerGroup), (long)CpuPackWork.RowsPerGroup * Steps),
            FirstRow = RowsInPlace,
            RightPanels = new CpuParts(SharesRight ? CpuPanels.Count(Columns, CpuTile.Columns) : 0, (long)CpuTile.Columns * Steps),
        };
        workers.Run(ref work, work.LeftGroups.Count + work.RightPanels.Count);
    }

    /// <summary>
    /// The products of one block of a tile, added to result if <paramref name="accumulate"/>. Meanwhile what will be packed for
    /// <paramref name="next"/> is fetched, and the rows that will be written or read at <paramref name="upcoming"/>.
    /// </summary>
    public readonly void RunBlock(
        CpuBlock block, CpuBlock next, int worker, CpuTarget result, CpuTarget upcoming, bool accumulate, bool whole)
    {
        (int tile, int k, int steps) = block;
        (int firstRow, int rows) = RowsOf(tile);
        (int firstColumn, int columns) = ColumnsOf(tile);
        float* right = Scratch.Right + ((nint)firstColumn * Steps) + (k * CpuTile.Columns);
        nint panelElements = (nint)CpuTile.Columns * Steps;
        if (!SharesRight)
        {
            right = Scratch.Panels(worker);
            panelElements = CpuTile.Columns * steps;
            PackRight(right, panelElements, firstColumn, columns, k, steps);
        }

        for (int row = 0; row < rows; row += CpuTile.Rows)
        {
            Fetch(next, row, rows);
            upcoming.Fetch(row + CpuTile.Rows, Math.Min(rows, row + (2 * CpuTile.Rows)), columns);
            CpuLeft left = LeftAt(firstRow + row, k);
            float* panel = right;
            for (int column = 0; column < columns; column += CpuTile.Columns)
            {
                int tileRows = whole ? CpuTile.Rows : Math.Min(CpuTile.Rows, rows - row);
                int tileColumns = whole ? CpuTile.Columns : Math.Min(CpuTile.Columns, columns - column);
                CpuTile.Run(result.At(row, column), result.Stride, left, panel, steps, tileRows, tileColumns, accumulate);
                panel += panelElements;
            }
        }
    }

    private readonly CpuLeft LeftAt(int row, int k) => row < RowsInPlace
        ? CpuLeft.InPlace(Left.From(row, k))
        : CpuLeft.Packed(Scratch.Left + ((nint)row * Steps), Steps, k);

    private readonly void PackRight(float* panel, nint panelElements, int firstColumn, int columns, int k, int steps)
    {
        for (int column = 0; column < columns; column += CpuTile.Columns)
        {
            CpuPanels.Pack(panel, CpuTile.Columns, Right.From(firstColumn + column, k), Math.Min(CpuTile.Columns, columns - column), steps);
            panel += panelElements;
        }
    }

    // The share of the next block that is due at this row. The memory's latency is hidden behind the products.
    private readonly void Fetch(CpuBlock next, int row, int rows)
    {
        if (SharesRight || next.Tile >= Tiles || !Sse.IsSupported)
        {
            return;
        }

        (int first, int columns) = ColumnsOf(next.Tile);
        CpuOperand source = Right.From(first, next.K);
        int vectors = source.ChainOutermost ? next.Steps : columns;
        nint bytes = (source.ChainOutermost ? columns : next.Steps) * source.DType.Bytes();
        nint strideBytes = source.Stride * source.DType.Bytes();
        int last = (int)((long)vectors * Math.Min(row + CpuTile.Rows, rows) / rows);
        for (int i = (int)((long)vectors * row / rows); i < last; i++)
        {
            byte* vector = (byte*)source.Address + (i * strideBytes);
            for (nint offset = 0; offset < bytes; offset += CacheLine)
            {
                Sse.Prefetch1(vector + offset);
            }
        }
    }

    // Whole panels, shared out as evenly as possible.
    private static (int First, int Count) Share(int extent, int width, int part, int parts)
    {
        long panels = CpuPanels.Count(extent, width);
        int first = (int)(panels * part / parts) * width;
        int end = Math.Min(extent, (int)(panels * (part + 1) / parts) * width);
        return (first, end - first);
    }
}

/// <summary>Packs the panels of a chunk: those of the left factor in groups, then those of the right.</summary>
internal unsafe struct CpuPackWork : ICpuWork
{
    /// <summary>Rows of the left factor that are packed together: some cache lines of each step, where k is outermost.</summary>
    public const int RowsPerGroup = 8 * CpuTile.Rows;

    private const int StepsAtOnce = 32;

    public CpuChunk Chunk;
    public CpuParts LeftGroups;
    public CpuParts RightPanels;
    public int FirstRow;

    public readonly void Run(int part, int worker)
    {
        if (part < LeftGroups.Count)
        {
            for (int group = LeftGroups.Start(part); group < LeftGroups.End(part); group++)
            {
                int first = FirstRow + (group * RowsPerGroup);
                PackGroup(first, Math.Min(Chunk.Rows, first + RowsPerGroup));
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

    private readonly void PackGroup(int first, int end)
    {
        int stepsAtOnce = Chunk.Left.ChainOutermost ? StepsAtOnce : Math.Max(Chunk.Steps, 1);
        for (int k = 0; k < Chunk.Steps; k += stepsAtOnce)
        {
            for (int row = first; row < end; row += CpuTile.Rows)
            {
                CpuPanels.Pack(
                    Chunk.Scratch.Left + ((nint)row * Chunk.Steps) + (k * CpuTile.Rows), CpuTile.Rows, Chunk.Left.From(row, k),
                    Math.Min(CpuTile.Rows, end - row), Math.Min(stepsAtOnce, Chunk.Steps - k));
            }
        }
    }
}
