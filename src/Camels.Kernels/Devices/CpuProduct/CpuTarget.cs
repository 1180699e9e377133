using System.Runtime.Intrinsics;

namespace Camels.Kernels;

/// <summary>Where a tile of results lies, and the elements from one of its rows to the next.</summary>
internal readonly unsafe struct CpuTarget(float* start, nint stride)
{
    private const int ElementsPerLine = 16;
    private const int LinesPerTile = CpuTile.Elements / ElementsPerLine;

    /// <summary>Elements from row to row.</summary>
    public nint Stride { get; } = stride;

    /// <summary>Address of an element.</summary>
    public float* At(int row, int column) => start + (row * Stride) + column;

    /// <summary>
    /// The lines of rows <paramref name="row"/> … <paramref name="rowEnd"/> − 1 and columns <paramref name="column"/> …
    /// <paramref name="columnEnd"/> − 1, at most <paramref name="most"/>; returns their number.
    /// </summary>
    public int Lines(byte** lines, int most, int row, int rowEnd, int column, int columnEnd)
    {
        int count = 0;
        if (rowEnd - row == CpuTile.Rows && columnEnd - column == CpuTile.Columns && most >= LinesPerTile)
        {
            Vector512<long> rows = Vector512.Create((long)At(row, column)) + (Vector512<long>.Indices * (Stride * sizeof(float)));
            for (; count < LinesPerTile; count += CpuTile.Rows)
            {
                rows.Store((long*)lines + count);
                rows += Vector512.Create((long)ElementsPerLine * sizeof(float));
            }

            return count;
        }

        for (; row < rowEnd; row++)
        {
            for (int c = column; c < columnEnd && count < most; c += ElementsPerLine)
            {
                lines[count++] = (byte*)At(row, c);
            }
        }

        return count;
    }
}
