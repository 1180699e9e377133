namespace Camels.Kernels;

/// <summary>Where a tile of results lies, and the elements from one of its rows to the next.</summary>
internal readonly unsafe struct CpuTarget(float* start, nint stride)
{
    private const int ElementsPerLine = 16;

    /// <summary>Elements from row to row.</summary>
    public nint Stride { get; } = stride;

    /// <summary>No rows, to fetch nothing.</summary>
    public static CpuTarget None => default;

    /// <summary>Address of an element.</summary>
    public float* At(int row, int column) => start + (row * Stride) + column;

    /// <summary>
    /// The lines of rows <paramref name="row"/> … <paramref name="rowEnd"/> − 1 and columns <paramref name="column"/> …
    /// <paramref name="columnEnd"/> − 1, at most <paramref name="most"/>; returns their number.
    /// </summary>
    public int Lines(byte** lines, int most, int row, int rowEnd, int column, int columnEnd)
    {
        int count = 0;
        for (; start != null && row < rowEnd; row++)
        {
            for (int c = column; c < columnEnd && count < most; c += ElementsPerLine)
            {
                lines[count++] = (byte*)At(row, c);
            }
        }

        return count;
    }
}
