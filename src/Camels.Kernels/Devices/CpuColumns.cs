namespace Camels.Kernels;

/// <summary>The fixed partition of a matrix's columns for sums over its rows: a function of their number, never of the threads.</summary>
internal readonly struct CpuColumns
{
    /// <summary>One kilobyte of a row: long enough for the processor to fetch ahead, short enough for the sums to stay in its first cache.</summary>
    private const int MostColumnsPerPart = 256;

    /// <summary>Parts start at whole cache lines of singles.</summary>
    private const int Alignment = 16;

    private readonly int _columns;
    private readonly int _columnsPerPart;

    /// <param name="columns">Columns to share out in equal parts, an even number of them where there is more than one.</param>
    public CpuColumns(int columns)
    {
        int pairs = (columns + (2 * MostColumnsPerPart) - 1) / (2 * MostColumnsPerPart);
        int wanted = (columns + (2 * pairs) - 1) / Math.Max(1, 2 * pairs);
        _columns = columns;
        _columnsPerPart = Math.Max(Alignment, (wanted + Alignment - 1) / Alignment * Alignment);
        Count = (columns + _columnsPerPart - 1) / _columnsPerPart;
    }

    /// <summary>Number of parts.</summary>
    public int Count { get; }

    /// <summary>First column of a part.</summary>
    public int Start(int part) => part * _columnsPerPart;

    /// <summary>Columns of a part.</summary>
    public int Width(int part) => Math.Min(_columnsPerPart, _columns - Start(part));
}
