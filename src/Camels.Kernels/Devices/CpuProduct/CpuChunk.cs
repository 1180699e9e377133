using System.Runtime.Intrinsics.X86;

namespace Camels.Kernels;

/// <summary>
/// As much of a matrix product as is packed at once, and its division into tiles, which the sizes alone decide. The left factor is packed
/// by all threads together. So is a small right factor; of a large one each tile packs the block of k that it is at, which then never
/// leaves that core's second cache.
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

    public CpuScratch Scratch;
    public CpuOperand Left;
    public CpuOperand Right;
    public int Rows;
    public int Columns;
    public int Steps;
    public int RowsPerTile;

    /// <summary>Number of tiles, those of the first columns first.</summary>
    public readonly int Tiles => RowTiles * ColumnTiles;

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
            LeftPanels = new CpuParts(CpuPanels.Count(Rows, CpuTile.Rows), (long)CpuTile.Rows * Steps),
            RightPanels = new CpuParts(SharesRight ? CpuPanels.Count(Columns, CpuTile.Columns) : 0, (long)CpuTile.Columns * Steps),
        };
        workers.Run(ref work, work.LeftPanels.Count + work.RightPanels.Count);
    }

    /// <summary>
    /// The products of one tile over <paramref name="steps"/> steps of k, added to result if <paramref name="accumulate"/>. Meanwhile what
    /// the tile's next block will pack, from <paramref name="nextK"/> on, is fetched.
    /// </summary>
    public readonly void RunBlock(
        int tile, int worker, float* result, nint stride, int k, int steps, int nextK, int nextSteps, bool accumulate, bool whole)
    {
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

        float* left = Scratch.Left + ((nint)firstRow * Steps) + (k * CpuTile.Rows);
        for (int row = 0; row < rows; row += CpuTile.Rows)
        {
            Fetch(firstColumn, columns, nextK, nextSteps, row, rows);
            float* panel = right;
            for (int column = 0; column < columns; column += CpuTile.Columns)
            {
                if (accumulate && Sse.IsSupported)
                {
                    FetchNext(result + (row * stride) + column + CpuTile.Columns, stride);
                }

                int tileRows = whole ? CpuTile.Rows : Math.Min(CpuTile.Rows, rows - row);
                int tileColumns = whole ? CpuTile.Columns : Math.Min(CpuTile.Columns, columns - column);
                CpuTile.Run(result + (row * stride) + column, stride, left, panel, steps, tileRows, tileColumns, accumulate, (nint)CpuTile.Rows * Steps);
                panel += panelElements;
            }

            left += (nint)CpuTile.Rows * Steps;
        }
    }

    private static void FetchNext(float* target, nint stride)
    {
        for (int row = 0; row < CpuTile.Rows; row++)
        {
            Sse.Prefetch0(target);
            Sse.Prefetch0(target + 16);
            Sse.Prefetch0(target + 32);
            target += stride;
        }
    }

    private readonly void PackRight(float* panel, nint panelElements, int firstColumn, int columns, int k, int steps)
    {
        for (int column = 0; column < columns; column += CpuTile.Columns)
        {
            CpuPanels.Pack(panel, CpuTile.Columns, Right.From(firstColumn + column, k), Math.Min(CpuTile.Columns, columns - column), steps);
            panel += panelElements;
        }
    }

    // The share of the next block that is due at this row.
    private readonly void Fetch(int firstColumn, int columns, int k, int steps, int row, int rows)
    {
        if (SharesRight || steps == 0 || !Sse.IsSupported)
        {
            return;
        }

        int vectors = Right.ChainOutermost ? steps : columns;
        int elements = Right.ChainOutermost ? columns : steps;
        int last = (int)((long)vectors * Math.Min(row + CpuTile.Rows, rows) / rows);
        for (int i = (int)((long)vectors * row / rows); i < last; i++)
        {
            byte* line = (byte*)(Right.ChainOutermost ? Right.From(firstColumn, k + i) : Right.From(firstColumn + i, k)).Address;
            byte* end = line + (elements * Right.DType.Bytes());
            for (; line < end; line += CacheLine)
            {
                Sse.Prefetch1(line);
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

/// <summary>Packs the panels of a chunk: those of the left factor, then those of the right.</summary>
internal unsafe struct CpuPackWork : ICpuWork
{
    public CpuChunk Chunk;
    public CpuParts LeftPanels;
    public CpuParts RightPanels;

    public readonly void Run(int part, int worker)
    {
        if (part < LeftPanels.Count)
        {
            PackPanels(Chunk.Scratch.Left, CpuTile.Rows, Chunk.Left, Chunk.Rows, LeftPanels, part);
        }
        else
        {
            PackPanels(Chunk.Scratch.Right, CpuTile.Columns, Chunk.Right, Chunk.Columns, RightPanels, part - LeftPanels.Count);
        }
    }

    private readonly void PackPanels(float* buffer, int width, CpuOperand source, int vectors, CpuParts panels, int part)
    {
        for (int panel = panels.Start(part); panel < panels.End(part); panel++)
        {
            int first = panel * width;
            CpuPanels.Pack(buffer + ((nint)first * Chunk.Steps), width, source.From(first, k: 0), Math.Min(width, vectors - first), Chunk.Steps);
        }
    }
}
