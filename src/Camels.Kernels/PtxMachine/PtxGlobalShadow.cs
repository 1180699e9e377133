namespace Camels.Kernels;

/// <summary>For each word of an allocation who wrote and who read it last in the current launch.</summary>
internal sealed class PtxGlobalShadow(long bytes)
{
    private const int PageWords = 1024;

    private readonly Cell[]?[] _pages = new Cell[]?[(bytes / 4 / PageWords) + 1];

    /// <summary>What is remembered of a word. Blocks are counted from 1; 0 is nobody, <see cref="Several"/> more than one.</summary>
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

    /// <summary>The cell of a word, empty where it is of another launch.</summary>
    public ref Cell At(long word, uint launch)
    {
        Cell[] page = _pages[word / PageWords] ??= new Cell[PageWords];
        ref Cell cell = ref page[word % PageWords];
        if (cell.Launch != launch)
        {
            cell = new Cell { Launch = launch };
        }

        return ref cell;
    }
}
