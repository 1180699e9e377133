namespace Camels.Kernels;

/// <summary>The fixed partition of rows into parts of parallel work: a function of the problem's size, never of the threads.</summary>
internal readonly struct CpuParts
{
    /// <summary>Elements worth handing to another thread: some microseconds of memory-bound work.</summary>
    private const int ElementsPerPart = 16 * 1024;

    private readonly int _rows;
    private readonly int _rowsPerPart;

    /// <param name="rows">Rows to share out.</param>
    /// <param name="elementsPerRow">The cost of one row, in elements.</param>
    public CpuParts(int rows, long elementsPerRow)
    {
        _rows = rows;
        _rowsPerPart = (int)Math.Max(1, ElementsPerPart / Math.Max(1, elementsPerRow));
        Count = (int)(((long)rows + _rowsPerPart - 1) / _rowsPerPart);
    }

    /// <summary>Number of parts.</summary>
    public int Count { get; }

    /// <summary>A flat array of <paramref name="elements"/> in equal blocks.</summary>
    public static CpuParts OfElements(long elements) =>
        new(checked((int)((elements + ElementsPerPart - 1) / ElementsPerPart)), ElementsPerPart);

    /// <summary>First row of a part.</summary>
    public int Start(int part) => part * _rowsPerPart;

    /// <summary>One past the last row of a part.</summary>
    public int End(int part) => Math.Min(_rows, Start(part) + _rowsPerPart);

    /// <summary>First element of a part of a flat array.</summary>
    public static long FirstElement(int part) => (long)part * ElementsPerPart;

    /// <summary>One past the last element of a part of a flat array of <paramref name="elements"/>.</summary>
    public static long EndElement(int part, long elements) => Math.Min(elements, FirstElement(part) + ElementsPerPart);

    /// <summary>The error for an element type that this device does not compute in.</summary>
    public static NotSupportedException Unsupported(Tensor tensor) =>
        new($"the cpu device computes in F32, BF16 and F16, not {tensor.DType}; F64 is for the reference device");
}
