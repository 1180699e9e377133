using System.Runtime.Intrinsics.X86;

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

    /// <summary>Brings rows <paramref name="row"/> … <paramref name="end"/> − 1 into the second cache.</summary>
    public void Fetch(int row, int end, int columns)
    {
        if (start == null || !Sse.IsSupported)
        {
            return;
        }

        for (; row < end; row++)
        {
            for (int column = 0; column < columns; column += ElementsPerLine)
            {
                Sse.Prefetch1(At(row, column));
            }
        }
    }
}
