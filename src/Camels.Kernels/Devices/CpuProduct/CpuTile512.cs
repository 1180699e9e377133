using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Camels.Kernels;

/// <summary>Where the left factor's elements lie, as far as the compiler can know it: the fewer sums of addresses, the more multiply-adds.</summary>
internal unsafe interface ICpuLeftLayout
{
    /// <summary>Element of vector i at step u of a round; <paramref name="row"/> and <paramref name="step"/> are its offsets where they vary.</summary>
    static abstract float Element(float* round, int i, nint row, int u, nint step);

    /// <summary>The first element of the next round.</summary>
    static abstract float* Next(float* round, int steps, nint step);
}

/// <summary>The tile of the matrix product in 512-bit registers.</summary>
internal static unsafe class CpuTile512
{
    /// <summary>The sums over <paramref name="left"/> · b (steps, 48) of a whole tile, columns in steps of 16; see <see cref="CpuSums"/>.</summary>
    public static void Run(in CpuLeft left, float* b, in CpuSums sums, int columns)
    {
        if (columns <= 32)
        {
            for (int column = 0; column < columns; column += 16)
            {
                Run8x16(left, b, sums, column);
            }
        }
        else if (left.Step == 1)
        {
            Run8x48<Rows>(left, b, sums);
        }
        else if (left.RowStride == 1 && left.Step == CpuTile.Rows)
        {
            Run8x48<Packed>(left, b, sums);
        }
        else
        {
            Run8x48<Steps>(left, b, sums);
        }
    }

    // 24 accumulators, three vectors of b and one broadcast element of a: 28 of the 32 registers. Four steps a round: multiply-adds take
    // both ports that also do integer arithmetic in the shadow of vectors, so every addition of an address would cost.
    private static void Run8x48<TLeft>(in CpuLeft left, float* b, in CpuSums sums)
        where TLeft : struct, ICpuLeftLayout
    {
        float* a = left.Start;
        byte* next = left.Next;
        nint nextStride = left.NextStride;
        byte** lines = left.Lines;
        nint row1 = left.RowStride;
        nint row2 = row1 + row1;
        nint row3 = row2 + row1;
        nint row4 = row3 + row1;
        nint row5 = row4 + row1;
        nint row6 = row5 + row1;
        nint row7 = row6 + row1;
        nint step1 = left.Step;
        nint step2 = step1 + step1;
        nint step3 = step2 + step1;
        int lanes = sums.Lanes;
        for (int lane = 0; lane < lanes; lane++)
        {
            Vector512<float> c00 = Vector512<float>.Zero, c01 = Vector512<float>.Zero, c02 = Vector512<float>.Zero;
            Vector512<float> c10 = Vector512<float>.Zero, c11 = Vector512<float>.Zero, c12 = Vector512<float>.Zero;
            Vector512<float> c20 = Vector512<float>.Zero, c21 = Vector512<float>.Zero, c22 = Vector512<float>.Zero;
            Vector512<float> c30 = Vector512<float>.Zero, c31 = Vector512<float>.Zero, c32 = Vector512<float>.Zero;
            Vector512<float> c40 = Vector512<float>.Zero, c41 = Vector512<float>.Zero, c42 = Vector512<float>.Zero;
            Vector512<float> c50 = Vector512<float>.Zero, c51 = Vector512<float>.Zero, c52 = Vector512<float>.Zero;
            Vector512<float> c60 = Vector512<float>.Zero, c61 = Vector512<float>.Zero, c62 = Vector512<float>.Zero;
            Vector512<float> c70 = Vector512<float>.Zero, c71 = Vector512<float>.Zero, c72 = Vector512<float>.Zero;
            if (lane == 0 && sums.Start != null)
            {
                float* start = sums.Start;
                nint startStride = sums.StartStride;
                Load(start, ref c00, ref c01, ref c02);
                Load(start + startStride, ref c10, ref c11, ref c12);
                Load(start + (2 * startStride), ref c20, ref c21, ref c22);
                Load(start + (3 * startStride), ref c30, ref c31, ref c32);
                Load(start + (4 * startStride), ref c40, ref c41, ref c42);
                Load(start + (5 * startStride), ref c50, ref c51, ref c52);
                Load(start + (6 * startStride), ref c60, ref c61, ref c62);
                Load(start + (7 * startStride), ref c70, ref c71, ref c72);
            }

            nint k = sums.Bounds[lane + 1] - sums.Bounds[lane];
            for (; k >= CpuTile.StepsPerRound; k -= CpuTile.StepsPerRound)
            {
                Sse.Prefetch1(next);
                Sse.Prefetch1(*lines);
                Vector512<float> b0 = Vector512.Load(b);
                Vector512<float> b1 = Vector512.Load(b + 16);
                Vector512<float> b2 = Vector512.Load(b + 32);
                AddProducts(TLeft.Element(a, 0, 0, 0, 0), b0, b1, b2, ref c00, ref c01, ref c02);
                AddProducts(TLeft.Element(a, 1, row1, 0, 0), b0, b1, b2, ref c10, ref c11, ref c12);
                AddProducts(TLeft.Element(a, 2, row2, 0, 0), b0, b1, b2, ref c20, ref c21, ref c22);
                AddProducts(TLeft.Element(a, 3, row3, 0, 0), b0, b1, b2, ref c30, ref c31, ref c32);
                AddProducts(TLeft.Element(a, 4, row4, 0, 0), b0, b1, b2, ref c40, ref c41, ref c42);
                AddProducts(TLeft.Element(a, 5, row5, 0, 0), b0, b1, b2, ref c50, ref c51, ref c52);
                AddProducts(TLeft.Element(a, 6, row6, 0, 0), b0, b1, b2, ref c60, ref c61, ref c62);
                AddProducts(TLeft.Element(a, 7, row7, 0, 0), b0, b1, b2, ref c70, ref c71, ref c72);
                b0 = Vector512.Load(b + CpuTile.Columns);
                b1 = Vector512.Load(b + CpuTile.Columns + 16);
                b2 = Vector512.Load(b + CpuTile.Columns + 32);
                AddProducts(TLeft.Element(a, 0, 0, 1, step1), b0, b1, b2, ref c00, ref c01, ref c02);
                AddProducts(TLeft.Element(a, 1, row1, 1, step1), b0, b1, b2, ref c10, ref c11, ref c12);
                AddProducts(TLeft.Element(a, 2, row2, 1, step1), b0, b1, b2, ref c20, ref c21, ref c22);
                AddProducts(TLeft.Element(a, 3, row3, 1, step1), b0, b1, b2, ref c30, ref c31, ref c32);
                AddProducts(TLeft.Element(a, 4, row4, 1, step1), b0, b1, b2, ref c40, ref c41, ref c42);
                AddProducts(TLeft.Element(a, 5, row5, 1, step1), b0, b1, b2, ref c50, ref c51, ref c52);
                AddProducts(TLeft.Element(a, 6, row6, 1, step1), b0, b1, b2, ref c60, ref c61, ref c62);
                AddProducts(TLeft.Element(a, 7, row7, 1, step1), b0, b1, b2, ref c70, ref c71, ref c72);
                b0 = Vector512.Load(b + (2 * CpuTile.Columns));
                b1 = Vector512.Load(b + (2 * CpuTile.Columns) + 16);
                b2 = Vector512.Load(b + (2 * CpuTile.Columns) + 32);
                AddProducts(TLeft.Element(a, 0, 0, 2, step2), b0, b1, b2, ref c00, ref c01, ref c02);
                AddProducts(TLeft.Element(a, 1, row1, 2, step2), b0, b1, b2, ref c10, ref c11, ref c12);
                AddProducts(TLeft.Element(a, 2, row2, 2, step2), b0, b1, b2, ref c20, ref c21, ref c22);
                AddProducts(TLeft.Element(a, 3, row3, 2, step2), b0, b1, b2, ref c30, ref c31, ref c32);
                AddProducts(TLeft.Element(a, 4, row4, 2, step2), b0, b1, b2, ref c40, ref c41, ref c42);
                AddProducts(TLeft.Element(a, 5, row5, 2, step2), b0, b1, b2, ref c50, ref c51, ref c52);
                AddProducts(TLeft.Element(a, 6, row6, 2, step2), b0, b1, b2, ref c60, ref c61, ref c62);
                AddProducts(TLeft.Element(a, 7, row7, 2, step2), b0, b1, b2, ref c70, ref c71, ref c72);
                b0 = Vector512.Load(b + (3 * CpuTile.Columns));
                b1 = Vector512.Load(b + (3 * CpuTile.Columns) + 16);
                b2 = Vector512.Load(b + (3 * CpuTile.Columns) + 32);
                AddProducts(TLeft.Element(a, 0, 0, 3, step3), b0, b1, b2, ref c00, ref c01, ref c02);
                AddProducts(TLeft.Element(a, 1, row1, 3, step3), b0, b1, b2, ref c10, ref c11, ref c12);
                AddProducts(TLeft.Element(a, 2, row2, 3, step3), b0, b1, b2, ref c20, ref c21, ref c22);
                AddProducts(TLeft.Element(a, 3, row3, 3, step3), b0, b1, b2, ref c30, ref c31, ref c32);
                AddProducts(TLeft.Element(a, 4, row4, 3, step3), b0, b1, b2, ref c40, ref c41, ref c42);
                AddProducts(TLeft.Element(a, 5, row5, 3, step3), b0, b1, b2, ref c50, ref c51, ref c52);
                AddProducts(TLeft.Element(a, 6, row6, 3, step3), b0, b1, b2, ref c60, ref c61, ref c62);
                AddProducts(TLeft.Element(a, 7, row7, 3, step3), b0, b1, b2, ref c70, ref c71, ref c72);
                next += nextStride;
                lines++;
                a = TLeft.Next(a, CpuTile.StepsPerRound, step1);
                b += CpuTile.StepsPerRound * CpuTile.Columns;
            }

            for (; k > 0; k--)
            {
                Vector512<float> b0 = Vector512.Load(b);
                Vector512<float> b1 = Vector512.Load(b + 16);
                Vector512<float> b2 = Vector512.Load(b + 32);
                AddProducts(TLeft.Element(a, 0, 0, 0, 0), b0, b1, b2, ref c00, ref c01, ref c02);
                AddProducts(TLeft.Element(a, 1, row1, 0, 0), b0, b1, b2, ref c10, ref c11, ref c12);
                AddProducts(TLeft.Element(a, 2, row2, 0, 0), b0, b1, b2, ref c20, ref c21, ref c22);
                AddProducts(TLeft.Element(a, 3, row3, 0, 0), b0, b1, b2, ref c30, ref c31, ref c32);
                AddProducts(TLeft.Element(a, 4, row4, 0, 0), b0, b1, b2, ref c40, ref c41, ref c42);
                AddProducts(TLeft.Element(a, 5, row5, 0, 0), b0, b1, b2, ref c50, ref c51, ref c52);
                AddProducts(TLeft.Element(a, 6, row6, 0, 0), b0, b1, b2, ref c60, ref c61, ref c62);
                AddProducts(TLeft.Element(a, 7, row7, 0, 0), b0, b1, b2, ref c70, ref c71, ref c72);
                a = TLeft.Next(a, 1, step1);
                b += CpuTile.Columns;
            }

            int height = sums.Height(lane);
            for (int merges = sums.Merges(lane); merges > 0; merges--)
            {
                height--;
                float* level = sums.Levels.At(height);
                Add(level, ref c00, ref c01, ref c02);
                Add(level + CpuTile.Columns, ref c10, ref c11, ref c12);
                Add(level + (2 * CpuTile.Columns), ref c20, ref c21, ref c22);
                Add(level + (3 * CpuTile.Columns), ref c30, ref c31, ref c32);
                Add(level + (4 * CpuTile.Columns), ref c40, ref c41, ref c42);
                Add(level + (5 * CpuTile.Columns), ref c50, ref c51, ref c52);
                Add(level + (6 * CpuTile.Columns), ref c60, ref c61, ref c62);
                Add(level + (7 * CpuTile.Columns), ref c70, ref c71, ref c72);
            }

            bool isLast = lane == lanes - 1;
            float* c = isLast ? sums.Result : sums.Levels.At(height);
            nint stride = isLast ? sums.Stride : CpuTile.Columns;
            if (isLast && sums.Adds)
            {
                Add(c, ref c00, ref c01, ref c02);
                Add(c + stride, ref c10, ref c11, ref c12);
                Add(c + (2 * stride), ref c20, ref c21, ref c22);
                Add(c + (3 * stride), ref c30, ref c31, ref c32);
                Add(c + (4 * stride), ref c40, ref c41, ref c42);
                Add(c + (5 * stride), ref c50, ref c51, ref c52);
                Add(c + (6 * stride), ref c60, ref c61, ref c62);
                Add(c + (7 * stride), ref c70, ref c71, ref c72);
            }

            Store(c, c00, c01, c02);
            Store(c + stride, c10, c11, c12);
            Store(c + (2 * stride), c20, c21, c22);
            Store(c + (3 * stride), c30, c31, c32);
            Store(c + (4 * stride), c40, c41, c42);
            Store(c + (5 * stride), c50, c51, c52);
            Store(c + (6 * stride), c60, c61, c62);
            Store(c + (7 * stride), c70, c71, c72);
        }
    }

    // A third of a tile, for the last columns of a matrix: eight chains are just enough to hide the latency of an addition.
    private static void Run8x16(in CpuLeft left, float* b, in CpuSums sums, int column)
    {
        b += column;
        float* a = left.Start;
        nint step = left.Step;
        nint row1 = left.RowStride;
        nint row2 = row1 + row1;
        nint row3 = row2 + row1;
        nint row4 = row3 + row1;
        nint row5 = row4 + row1;
        nint row6 = row5 + row1;
        nint row7 = row6 + row1;
        int lanes = sums.Lanes;
        for (int lane = 0; lane < lanes; lane++)
        {
            Vector512<float> c0 = Vector512<float>.Zero;
            Vector512<float> c1 = Vector512<float>.Zero;
            Vector512<float> c2 = Vector512<float>.Zero;
            Vector512<float> c3 = Vector512<float>.Zero;
            Vector512<float> c4 = Vector512<float>.Zero;
            Vector512<float> c5 = Vector512<float>.Zero;
            Vector512<float> c6 = Vector512<float>.Zero;
            Vector512<float> c7 = Vector512<float>.Zero;
            if (lane == 0 && sums.Start != null)
            {
                float* start = sums.Start + column;
                nint startStride = sums.StartStride;
                c0 = Vector512.Load(start);
                c1 = Vector512.Load(start + startStride);
                c2 = Vector512.Load(start + (2 * startStride));
                c3 = Vector512.Load(start + (3 * startStride));
                c4 = Vector512.Load(start + (4 * startStride));
                c5 = Vector512.Load(start + (5 * startStride));
                c6 = Vector512.Load(start + (6 * startStride));
                c7 = Vector512.Load(start + (7 * startStride));
            }

            for (nint k = sums.Bounds[lane + 1] - sums.Bounds[lane]; k > 0; k--)
            {
                Vector512<float> b0 = Vector512.Load(b);
                c0 = Avx512F.FusedMultiplyAdd(Vector512.Create(a[0]), b0, c0);
                c1 = Avx512F.FusedMultiplyAdd(Vector512.Create(a[row1]), b0, c1);
                c2 = Avx512F.FusedMultiplyAdd(Vector512.Create(a[row2]), b0, c2);
                c3 = Avx512F.FusedMultiplyAdd(Vector512.Create(a[row3]), b0, c3);
                c4 = Avx512F.FusedMultiplyAdd(Vector512.Create(a[row4]), b0, c4);
                c5 = Avx512F.FusedMultiplyAdd(Vector512.Create(a[row5]), b0, c5);
                c6 = Avx512F.FusedMultiplyAdd(Vector512.Create(a[row6]), b0, c6);
                c7 = Avx512F.FusedMultiplyAdd(Vector512.Create(a[row7]), b0, c7);
                a += step;
                b += CpuTile.Columns;
            }

            int height = sums.Height(lane);
            for (int merges = sums.Merges(lane); merges > 0; merges--)
            {
                height--;
                float* level = sums.Levels.At(height) + column;
                c0 = Avx512F.Add(Vector512.Load(level), c0);
                c1 = Avx512F.Add(Vector512.Load(level + CpuTile.Columns), c1);
                c2 = Avx512F.Add(Vector512.Load(level + (2 * CpuTile.Columns)), c2);
                c3 = Avx512F.Add(Vector512.Load(level + (3 * CpuTile.Columns)), c3);
                c4 = Avx512F.Add(Vector512.Load(level + (4 * CpuTile.Columns)), c4);
                c5 = Avx512F.Add(Vector512.Load(level + (5 * CpuTile.Columns)), c5);
                c6 = Avx512F.Add(Vector512.Load(level + (6 * CpuTile.Columns)), c6);
                c7 = Avx512F.Add(Vector512.Load(level + (7 * CpuTile.Columns)), c7);
            }

            bool isLast = lane == lanes - 1;
            float* c = (isLast ? sums.Result : sums.Levels.At(height)) + column;
            nint stride = isLast ? sums.Stride : CpuTile.Columns;
            if (isLast && sums.Adds)
            {
                c0 = Avx512F.Add(Vector512.Load(c), c0);
                c1 = Avx512F.Add(Vector512.Load(c + stride), c1);
                c2 = Avx512F.Add(Vector512.Load(c + (2 * stride)), c2);
                c3 = Avx512F.Add(Vector512.Load(c + (3 * stride)), c3);
                c4 = Avx512F.Add(Vector512.Load(c + (4 * stride)), c4);
                c5 = Avx512F.Add(Vector512.Load(c + (5 * stride)), c5);
                c6 = Avx512F.Add(Vector512.Load(c + (6 * stride)), c6);
                c7 = Avx512F.Add(Vector512.Load(c + (7 * stride)), c7);
            }

            c0.Store(c);
            c1.Store(c + stride);
            c2.Store(c + (2 * stride));
            c3.Store(c + (3 * stride));
            c4.Store(c + (4 * stride));
            c5.Store(c + (5 * stride));
            c6.Store(c + (6 * stride));
            c7.Store(c + (7 * stride));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddProducts(
        float a, Vector512<float> b0, Vector512<float> b1, Vector512<float> b2, ref Vector512<float> c0, ref Vector512<float> c1, ref Vector512<float> c2)
    {
        Vector512<float> factor = Vector512.Create(a);
        c0 = Avx512F.FusedMultiplyAdd(factor, b0, c0);
        c1 = Avx512F.FusedMultiplyAdd(factor, b1, c1);
        c2 = Avx512F.FusedMultiplyAdd(factor, b2, c2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Load(float* source, ref Vector512<float> c0, ref Vector512<float> c1, ref Vector512<float> c2)
    {
        c0 = Vector512.Load(source);
        c1 = Vector512.Load(source + 16);
        c2 = Vector512.Load(source + 32);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(float* source, ref Vector512<float> c0, ref Vector512<float> c1, ref Vector512<float> c2)
    {
        c0 = Avx512F.Add(Vector512.Load(source), c0);
        c1 = Avx512F.Add(Vector512.Load(source + 16), c1);
        c2 = Avx512F.Add(Vector512.Load(source + 32), c2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* target, Vector512<float> c0, Vector512<float> c1, Vector512<float> c2)
    {
        c0.Store(target);
        c1.Store(target + 16);
        c2.Store(target + 32);
    }

    // Panels of eight vectors, packed.
    private readonly struct Packed : ICpuLeftLayout
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static float Element(float* round, int i, nint row, int u, nint step) => round[(u * CpuTile.Rows) + i];

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static float* Next(float* round, int steps, nint step) => round + (steps * CpuTile.Rows);
    }

    // Rows of a matrix.
    private readonly struct Rows : ICpuLeftLayout
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static float Element(float* round, int i, nint row, int u, nint step) => *(round + row + u);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static float* Next(float* round, int steps, nint step) => round + steps;
    }

    // Columns of a matrix.
    private readonly struct Steps : ICpuLeftLayout
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static float Element(float* round, int i, nint row, int u, nint step) => *(round + step + i);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static float* Next(float* round, int steps, nint step) => round + (steps * step);
    }
}
