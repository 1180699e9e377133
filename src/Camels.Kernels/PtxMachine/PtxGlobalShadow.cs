namespace Camels.Kernels;

/// <summary>For each two bytes of an allocation, the smallest element that lanes share, who wrote and who read them last in the current launch.</summary>
internal sealed class PtxGlobalShadow(long bytes)
{
    /// <summary>Bytes of a cell.</summary>
    public const int CellBytes = 2;

    private const int PageCells = 2048;

    private readonly Cell[]?[] _pages = new Cell[]?[(bytes / CellBytes / PageCells) + 1];

    /// <summary>What is remembered of a cell's bytes. Blocks are counted from 1; 0 is nobody, <see cref="Several"/> more than one.</summary>
    internal struct Cell
    {
        public const uint Several = uint.MaxValue;

        public uint Launch;
        public uint WriteBlock;
        public uint WriteTime;
        public uint ReadBlock;
        public uint ReadTime;
        public int Line;
        public byte WriteWarp;
        public byte WriteLane;
        public byte WriteBytes;
        public byte ReadWarp;
        public byte ReadLane;
        public bool IsReadByWarps;
    }

    /// <summary>A cell, empty where it is of another launch.</summary>
    public ref Cell At(long number, uint launch)
    {
        Cell[] page = _pages[number / PageCells] ??= new Cell[PageCells];
        ref Cell cell = ref page[number % PageCells];
        if (cell.Launch != launch)
        {
            cell = new Cell { Launch = launch };
        }

        return ref cell;
    }
}
