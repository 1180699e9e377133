using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Camels.Kernels.Ops;

/// <summary>Copies rows of stored elements to single precision in a worker's cache, and back.</summary>
internal static unsafe class AttentionPacking<TElement>
    where TElement : struct, ICpuElements
{
    /// <summary>Writes <paramref name="width"/> elements, and zeros up to <paramref name="paddedWidth"/>.</summary>
    public static void Load(float* destination, void* source, nint offset, int width, int paddedWidth)
    {
        int d = 0;
        for (; d <= width - Vector<float>.Count; d += Vector<float>.Count)
        {
            CpuF32.Store(destination, d, TElement.Load(source, offset + d));
        }

        for (; d < width; d++)
        {
            destination[d] = TElement.LoadOne(source, offset + d);
        }

        for (; d < paddedWidth; d++)
        {
            destination[d] = 0;
        }
    }

    /// <summary>Writes <paramref name="width"/> elements, each times <paramref name="factor"/>, rounded once.</summary>
    public static void Store(void* destination, nint offset, float* source, int width, float factor)
    {
        int d = 0;
        for (; d <= width - Vector<float>.Count; d += Vector<float>.Count)
        {
            TElement.Store(destination, offset + d, CpuF32.Load(source, d) * factor);
        }

        for (; d < width; d++)
        {
            TElement.StoreOne(destination, offset + d, source[d] * factor);
        }
    }
}

/// <summary>Transposition of small matrices in cache.</summary>
internal static unsafe class AttentionTransposition
{
    private const int Block = 8;

    /// <summary>
    /// Writes row d of destination from column d of source, both with room for whole blocks of eight rows and columns.
    /// </summary>
    public static void Run(float* destination, nint destinationRow, float* source, nint sourceRow, int rows, int columns)
    {
        for (int row = 0; row < rows; row += Block)
        {
            for (int column = 0; column < columns; column += Block)
            {
                float* from = source + (row * sourceRow) + column;
                float* to = destination + (column * destinationRow) + row;
                if (Avx.IsSupported)
                {
                    Four(to, destinationRow, from, sourceRow);
                    Four(to + 4, destinationRow, from + (4 * sourceRow), sourceRow);
                    continue;
                }

                for (int i = 0; i < Block * Block; i++)
                {
                    to[(i % Block * destinationRow) + (i / Block)] = from[(i / Block * sourceRow) + (i % Block)];
                }
            }
        }
    }

    // Four rows of eight become eight rows of four.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Four(float* to, nint toRow, float* from, nint fromRow)
    {
        Vector256<float> r0 = Vector256.Load(from);
        Vector256<float> r1 = Vector256.Load(from + fromRow);
        Vector256<float> r2 = Vector256.Load(from + (2 * fromRow));
        Vector256<float> r3 = Vector256.Load(from + (3 * fromRow));
        Vector256<double> low01 = Avx.UnpackLow(r0, r1).AsDouble();
        Vector256<double> high01 = Avx.UnpackHigh(r0, r1).AsDouble();
        Vector256<double> low23 = Avx.UnpackLow(r2, r3).AsDouble();
        Vector256<double> high23 = Avx.UnpackHigh(r2, r3).AsDouble();
        StorePair(to, toRow, Avx.UnpackLow(low01, low23));
        StorePair(to + toRow, toRow, Avx.UnpackHigh(low01, low23));
        StorePair(to + (2 * toRow), toRow, Avx.UnpackLow(high01, high23));
        StorePair(to + (3 * toRow), toRow, Avx.UnpackHigh(high01, high23));
    }

    // The lower half is column i of the source, the upper half column i + 4.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StorePair(float* to, nint toRow, Vector256<double> columns)
    {
        columns.GetLower().AsSingle().Store(to);
        columns.GetUpper().AsSingle().Store(to + (4 * toRow));
    }
}
