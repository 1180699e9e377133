using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Camels.Kernels;

/// <summary>
/// Packing: 8 or 48 vectors of a factor side by side, (k, width) in single precision, so that the tile reads both factors in sequence.
/// Vectors that the matrix does not have are zeros. Pairs of bfloat16 are packed by <see cref="CpuPairPanels"/>.
/// </summary>
internal static unsafe class CpuPanels
{
    private const int Block = 8;            // vectors and steps of k that are transposed in registers
    private const int LineElements = 2 * Block;
    private const int StepsAtOnce = 64;     // steps of k over all blocks of a panel, so that what is written stays in the first cache

    /// <summary>Number of panels of <paramref name="width"/> that hold <paramref name="vectors"/>.</summary>
    public static int Count(int vectors, int width) => (vectors + width - 1) / width;

    /// <summary>Packs the first <paramref name="vectors"/> (at most <paramref name="width"/>) vectors of <paramref name="source"/>.</summary>
    public static void Pack(float* panel, int width, CpuOperand source, int vectors, int steps)
    {
        if (source.IsPaired)
        {
            CpuPairPanels.Pack((uint*)panel, width, source, vectors, steps);
            return;
        }

        switch (source.DType)
        {
            case DType.F32: Pack<CpuF32>(panel, width, source, vectors, steps); break;
            case DType.BF16: Pack<CpuBF16>(panel, width, source, vectors, steps); break;
            default: Pack<CpuF16>(panel, width, source, vectors, steps); break;
        }
    }

    private static void Pack<T>(float* panel, int width, CpuOperand source, int vectors, int steps)
        where T : struct, ICpuElements
    {
        if (source.ChainOutermost)
        {
            PackRows<T>(panel, width, source, vectors, steps);
            return;
        }

        for (int k = 0; k < steps; k += StepsAtOnce)
        {
            int count = Math.Min(StepsAtOnce, steps - k);
            for (int i = 0; i < width; i += Block)
            {
                PackTransposed<T>(panel + ((nint)k * width) + i, width, source.From(i, k), Math.Clamp(vectors - i, 0, Block), count);
            }
        }
    }

    private static void PackRows<T>(float* panel, int width, CpuOperand source, int vectors, int steps)
        where T : struct, ICpuElements
    {
        for (int k = 0; k < steps; k++)
        {
            nint row = k * source.Stride;
            int i = 0;
            for (; i <= vectors - Vector<float>.Count; i += Vector<float>.Count)
            {
                CpuF32.Store(panel, i, T.Load((void*)source.Address, row + i));
            }

            for (; i < vectors; i++)
            {
                panel[i] = T.LoadOne((void*)source.Address, row + i);
            }

            for (; i < width; i++)
            {
                panel[i] = 0;
            }

            panel += width;
        }
    }

    /// <summary>
    /// Packs as many whole panels of eight vectors as there are at once, where k is outermost: two steps of each become one cache line, which is
    /// written past the caches. The panels are <paramref name="panelElements"/> apart. Returns their number: none where the way is not open to
    /// this processor, source, or panels that are not made of whole lines.
    /// </summary>
    public static int PackEights(float* panels, nint panelElements, CpuOperand source, int vectors, int steps)
    {
        if (!CpuPath.UsesVector512 || source.IsPaired || !source.ChainOutermost || panelElements % LineElements != 0 || steps % 2 != 0)
        {
            return 0;
        }

        int count = vectors / Block;
        switch (source.DType)
        {
            case DType.F32: PackEights<CpuF32>(panels, panelElements, source, count, steps); break;
            case DType.BF16: PackEights<CpuBF16>(panels, panelElements, source, count, steps); break;
            default: PackEights<CpuF16>(panels, panelElements, source, count, steps); break;
        }

        Sse.StoreFence();
        return count;
    }

    private static void PackEights<T>(float* panels, nint panelElements, CpuOperand source, int count, int steps)
        where T : struct, ICpuElements
    {
        void* start = (void*)source.Address;
        nint stride = source.Stride;
        for (nint k = 0; k < steps; k += 2)
        {
            nint row = k * stride;
            float* line = panels + (k * Block);
            for (int panel = 0; panel < count; panel++)
            {
                Vector512.Create(T.Load(start, row).AsVector256(), T.Load(start, row + stride).AsVector256()).StoreAlignedNonTemporal(line);
                row += Block;
                line += panelElements;
            }
        }
    }

    // One block of up to eight vectors, which becomes columns of the panel.
    private static void PackTransposed<T>(float* panel, int width, CpuOperand source, int vectors, int steps)
        where T : struct, ICpuElements
    {
        void* start = (void*)source.Address;
        nint stride = source.Stride;
        int k = 0;
        if (vectors == Block && Avx.IsSupported && Vector<float>.Count == Block)
        {
            for (; k <= steps - Block; k += Block)
            {
                Transpose(
                    panel, width,
                    T.Load(start, k).AsVector256(), T.Load(start, stride + k).AsVector256(),
                    T.Load(start, (2 * stride) + k).AsVector256(), T.Load(start, (3 * stride) + k).AsVector256(),
                    T.Load(start, (4 * stride) + k).AsVector256(), T.Load(start, (5 * stride) + k).AsVector256(),
                    T.Load(start, (6 * stride) + k).AsVector256(), T.Load(start, (7 * stride) + k).AsVector256());
                panel += Block * width;
            }
        }

        for (; k < steps; k++)
        {
            for (int i = 0; i < Block; i++)
            {
                panel[i] = i < vectors ? T.LoadOne(start, (i * stride) + k) : 0;
            }

            panel += width;
        }
    }

    /// <summary>Writes eight vectors' elements of eight steps as columns of a panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Transpose(
        float* panel, int width, Vector256<float> r0, Vector256<float> r1, Vector256<float> r2, Vector256<float> r3, Vector256<float> r4,
        Vector256<float> r5, Vector256<float> r6, Vector256<float> r7)
    {
        // Halves first: x = steps 0-3 of vector i beside those of vector i + 4, y = steps 4-7. Then pairs, then quadruples.
        (Vector256<float> x0, Vector256<float> y0) = Halves(r0, r4);
        (Vector256<float> x1, Vector256<float> y1) = Halves(r1, r5);
        (Vector256<float> x2, Vector256<float> y2) = Halves(r2, r6);
        (Vector256<float> x3, Vector256<float> y3) = Halves(r3, r7);
        StoreFour(panel, width, x0, x1, x2, x3);
        StoreFour(panel + (4 * (nint)width), width, y0, y1, y2, y3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<float> Lower, Vector256<float> Upper) Halves(Vector256<float> first, Vector256<float> second) =>
        (Avx.Permute2x128(first, second, 0x20), Avx.Permute2x128(first, second, 0x31));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreFour(
        float* panel, nint width, Vector256<float> x0, Vector256<float> x1, Vector256<float> x2, Vector256<float> x3)
    {
        Vector256<double> p0 = Avx.UnpackLow(x0, x1).AsDouble();
        Vector256<double> p1 = Avx.UnpackHigh(x0, x1).AsDouble();
        Vector256<double> p2 = Avx.UnpackLow(x2, x3).AsDouble();
        Vector256<double> p3 = Avx.UnpackHigh(x2, x3).AsDouble();
        Avx.UnpackLow(p0, p2).AsSingle().Store(panel);
        Avx.UnpackHigh(p0, p2).AsSingle().Store(panel + width);
        Avx.UnpackLow(p1, p3).AsSingle().Store(panel + (2 * width));
        Avx.UnpackHigh(p1, p3).AsSingle().Store(panel + (3 * width));
    }
}
