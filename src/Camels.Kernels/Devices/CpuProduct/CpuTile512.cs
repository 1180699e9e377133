using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Camels.Kernels;

/// <summary>The tile of the matrix product in 512-bit registers.</summary>
internal static unsafe class CpuTile512
{
    /// <summary>See <see cref="CpuTile.Run"/>; columns beyond <paramref name="columns"/> are left alone in steps of 16.</summary>
    public static void Run(float* c, nint stride, CpuLeft left, float* b, nint count, int columns, bool accumulate, int merges)
    {
        if (columns > 32)
        {
            Run8x48(c, stride, left, b, count, accumulate, merges);
            return;
        }

        for (int column = 0; column < columns; column += 16)
        {
            Run8x16(c + column, stride, left, b + column, count, accumulate, merges);
        }
    }

    // A tile continues a tree of lanes by adding the levels that begin at c, last first; they lie one behind the other, without gaps.
    // 24 accumulators, three vectors of b and one broadcast element of a: 28 of the 32 registers. Two steps a round.
    private static void Run8x48(float* c, nint stride, CpuLeft left, float* b, nint count, bool accumulate, int merges)
    {
        Vector512<float> c00 = Vector512<float>.Zero, c01 = Vector512<float>.Zero, c02 = Vector512<float>.Zero;
        Vector512<float> c10 = Vector512<float>.Zero, c11 = Vector512<float>.Zero, c12 = Vector512<float>.Zero;
        Vector512<float> c20 = Vector512<float>.Zero, c21 = Vector512<float>.Zero, c22 = Vector512<float>.Zero;
        Vector512<float> c30 = Vector512<float>.Zero, c31 = Vector512<float>.Zero, c32 = Vector512<float>.Zero;
        Vector512<float> c40 = Vector512<float>.Zero, c41 = Vector512<float>.Zero, c42 = Vector512<float>.Zero;
        Vector512<float> c50 = Vector512<float>.Zero, c51 = Vector512<float>.Zero, c52 = Vector512<float>.Zero;
        Vector512<float> c60 = Vector512<float>.Zero, c61 = Vector512<float>.Zero, c62 = Vector512<float>.Zero;
        Vector512<float> c70 = Vector512<float>.Zero, c71 = Vector512<float>.Zero, c72 = Vector512<float>.Zero;
        if (accumulate)
        {
            float* source = c;
            c00 = Vector512.Load(source);
            c01 = Vector512.Load(source + 16);
            c02 = Vector512.Load(source + 32);
            source += stride;
            c10 = Vector512.Load(source);
            c11 = Vector512.Load(source + 16);
            c12 = Vector512.Load(source + 32);
            source += stride;
            c20 = Vector512.Load(source);
            c21 = Vector512.Load(source + 16);
            c22 = Vector512.Load(source + 32);
            source += stride;
            c30 = Vector512.Load(source);
            c31 = Vector512.Load(source + 16);
            c32 = Vector512.Load(source + 32);
            source += stride;
            c40 = Vector512.Load(source);
            c41 = Vector512.Load(source + 16);
            c42 = Vector512.Load(source + 32);
            source += stride;
            c50 = Vector512.Load(source);
            c51 = Vector512.Load(source + 16);
            c52 = Vector512.Load(source + 32);
            source += stride;
            c60 = Vector512.Load(source);
            c61 = Vector512.Load(source + 16);
            c62 = Vector512.Load(source + 32);
            source += stride;
            c70 = Vector512.Load(source);
            c71 = Vector512.Load(source + 16);
            c72 = Vector512.Load(source + 32);
        }

        float* a = left.Start;
        nint row1 = left.RowStride;
        nint row2 = row1 + left.RowStride;
        nint row3 = row2 + left.RowStride;
        nint row4 = row3 + left.RowStride;
        nint row5 = row4 + left.RowStride;
        nint row6 = row5 + left.RowStride;
        nint row7 = row6 + left.RowStride;
        byte* fetched = left.Also.Start;
        nint k = count;
        while (k > 1)
        {
            Sse.Prefetch1(fetched);
            fetched += left.Also.StrideBytes;
            nint stop = left.Also.Interval == 0 ? 1 : Math.Max(1, k - left.Also.Interval);
            for (; k > stop; k -= 2)
            {
                Sse.Prefetch1(a + left.Ahead);
                Vector512<float> b0 = Vector512.Load(b);
                Vector512<float> b1 = Vector512.Load(b + 16);
                Vector512<float> b2 = Vector512.Load(b + 32);
                Vector512<float> a0 = Vector512.Create(a[0]);
                c00 = Avx512F.FusedMultiplyAdd(a0, b0, c00);
                c01 = Avx512F.FusedMultiplyAdd(a0, b1, c01);
                c02 = Avx512F.FusedMultiplyAdd(a0, b2, c02);
                Vector512<float> a1 = Vector512.Create(a[row1]);
                c10 = Avx512F.FusedMultiplyAdd(a1, b0, c10);
                c11 = Avx512F.FusedMultiplyAdd(a1, b1, c11);
                c12 = Avx512F.FusedMultiplyAdd(a1, b2, c12);
                Vector512<float> a2 = Vector512.Create(a[row2]);
                c20 = Avx512F.FusedMultiplyAdd(a2, b0, c20);
                c21 = Avx512F.FusedMultiplyAdd(a2, b1, c21);
                c22 = Avx512F.FusedMultiplyAdd(a2, b2, c22);
                Vector512<float> a3 = Vector512.Create(a[row3]);
                c30 = Avx512F.FusedMultiplyAdd(a3, b0, c30);
                c31 = Avx512F.FusedMultiplyAdd(a3, b1, c31);
                c32 = Avx512F.FusedMultiplyAdd(a3, b2, c32);
                Vector512<float> a4 = Vector512.Create(a[row4]);
                c40 = Avx512F.FusedMultiplyAdd(a4, b0, c40);
                c41 = Avx512F.FusedMultiplyAdd(a4, b1, c41);
                c42 = Avx512F.FusedMultiplyAdd(a4, b2, c42);
                Vector512<float> a5 = Vector512.Create(a[row5]);
                c50 = Avx512F.FusedMultiplyAdd(a5, b0, c50);
                c51 = Avx512F.FusedMultiplyAdd(a5, b1, c51);
                c52 = Avx512F.FusedMultiplyAdd(a5, b2, c52);
                Vector512<float> a6 = Vector512.Create(a[row6]);
                c60 = Avx512F.FusedMultiplyAdd(a6, b0, c60);
                c61 = Avx512F.FusedMultiplyAdd(a6, b1, c61);
                c62 = Avx512F.FusedMultiplyAdd(a6, b2, c62);
                Vector512<float> a7 = Vector512.Create(a[row7]);
                c70 = Avx512F.FusedMultiplyAdd(a7, b0, c70);
                c71 = Avx512F.FusedMultiplyAdd(a7, b1, c71);
                c72 = Avx512F.FusedMultiplyAdd(a7, b2, c72);
                float* next = a + left.Step;
                Vector512<float> b0Next = Vector512.Load(b + CpuTile.Columns);
                Vector512<float> b1Next = Vector512.Load(b + CpuTile.Columns + 16);
                Vector512<float> b2Next = Vector512.Load(b + CpuTile.Columns + 32);
                Vector512<float> a0Next = Vector512.Create(next[0]);
                c00 = Avx512F.FusedMultiplyAdd(a0Next, b0Next, c00);
                c01 = Avx512F.FusedMultiplyAdd(a0Next, b1Next, c01);
                c02 = Avx512F.FusedMultiplyAdd(a0Next, b2Next, c02);
                Vector512<float> a1Next = Vector512.Create(next[row1]);
                c10 = Avx512F.FusedMultiplyAdd(a1Next, b0Next, c10);
                c11 = Avx512F.FusedMultiplyAdd(a1Next, b1Next, c11);
                c12 = Avx512F.FusedMultiplyAdd(a1Next, b2Next, c12);
                Vector512<float> a2Next = Vector512.Create(next[row2]);
                c20 = Avx512F.FusedMultiplyAdd(a2Next, b0Next, c20);
                c21 = Avx512F.FusedMultiplyAdd(a2Next, b1Next, c21);
                c22 = Avx512F.FusedMultiplyAdd(a2Next, b2Next, c22);
                Vector512<float> a3Next = Vector512.Create(next[row3]);
                c30 = Avx512F.FusedMultiplyAdd(a3Next, b0Next, c30);
                c31 = Avx512F.FusedMultiplyAdd(a3Next, b1Next, c31);
                c32 = Avx512F.FusedMultiplyAdd(a3Next, b2Next, c32);
                Vector512<float> a4Next = Vector512.Create(next[row4]);
                c40 = Avx512F.FusedMultiplyAdd(a4Next, b0Next, c40);
                c41 = Avx512F.FusedMultiplyAdd(a4Next, b1Next, c41);
                c42 = Avx512F.FusedMultiplyAdd(a4Next, b2Next, c42);
                Vector512<float> a5Next = Vector512.Create(next[row5]);
                c50 = Avx512F.FusedMultiplyAdd(a5Next, b0Next, c50);
                c51 = Avx512F.FusedMultiplyAdd(a5Next, b1Next, c51);
                c52 = Avx512F.FusedMultiplyAdd(a5Next, b2Next, c52);
                Vector512<float> a6Next = Vector512.Create(next[row6]);
                c60 = Avx512F.FusedMultiplyAdd(a6Next, b0Next, c60);
                c61 = Avx512F.FusedMultiplyAdd(a6Next, b1Next, c61);
                c62 = Avx512F.FusedMultiplyAdd(a6Next, b2Next, c62);
                Vector512<float> a7Next = Vector512.Create(next[row7]);
                c70 = Avx512F.FusedMultiplyAdd(a7Next, b0Next, c70);
                c71 = Avx512F.FusedMultiplyAdd(a7Next, b1Next, c71);
                c72 = Avx512F.FusedMultiplyAdd(a7Next, b2Next, c72);
                a = next + left.Step;
                b += 2 * CpuTile.Columns;
            }
        }

        if (k > 0)
        {
            Vector512<float> b0 = Vector512.Load(b);
            Vector512<float> b1 = Vector512.Load(b + 16);
            Vector512<float> b2 = Vector512.Load(b + 32);
            Vector512<float> a0 = Vector512.Create(a[0]);
            c00 = Avx512F.FusedMultiplyAdd(a0, b0, c00);
            c01 = Avx512F.FusedMultiplyAdd(a0, b1, c01);
            c02 = Avx512F.FusedMultiplyAdd(a0, b2, c02);
            Vector512<float> a1 = Vector512.Create(a[row1]);
            c10 = Avx512F.FusedMultiplyAdd(a1, b0, c10);
            c11 = Avx512F.FusedMultiplyAdd(a1, b1, c11);
            c12 = Avx512F.FusedMultiplyAdd(a1, b2, c12);
            Vector512<float> a2 = Vector512.Create(a[row2]);
            c20 = Avx512F.FusedMultiplyAdd(a2, b0, c20);
            c21 = Avx512F.FusedMultiplyAdd(a2, b1, c21);
            c22 = Avx512F.FusedMultiplyAdd(a2, b2, c22);
            Vector512<float> a3 = Vector512.Create(a[row3]);
            c30 = Avx512F.FusedMultiplyAdd(a3, b0, c30);
            c31 = Avx512F.FusedMultiplyAdd(a3, b1, c31);
            c32 = Avx512F.FusedMultiplyAdd(a3, b2, c32);
            Vector512<float> a4 = Vector512.Create(a[row4]);
            c40 = Avx512F.FusedMultiplyAdd(a4, b0, c40);
            c41 = Avx512F.FusedMultiplyAdd(a4, b1, c41);
            c42 = Avx512F.FusedMultiplyAdd(a4, b2, c42);
            Vector512<float> a5 = Vector512.Create(a[row5]);
            c50 = Avx512F.FusedMultiplyAdd(a5, b0, c50);
            c51 = Avx512F.FusedMultiplyAdd(a5, b1, c51);
            c52 = Avx512F.FusedMultiplyAdd(a5, b2, c52);
            Vector512<float> a6 = Vector512.Create(a[row6]);
            c60 = Avx512F.FusedMultiplyAdd(a6, b0, c60);
            c61 = Avx512F.FusedMultiplyAdd(a6, b1, c61);
            c62 = Avx512F.FusedMultiplyAdd(a6, b2, c62);
            Vector512<float> a7 = Vector512.Create(a[row7]);
            c70 = Avx512F.FusedMultiplyAdd(a7, b0, c70);
            c71 = Avx512F.FusedMultiplyAdd(a7, b1, c71);
            c72 = Avx512F.FusedMultiplyAdd(a7, b2, c72);
        }

        for (float* level = c + (merges * CpuTile.Elements); level > c;)
        {
            level -= CpuTile.Elements;
            c00 = Avx512F.Add(Vector512.Load(level), c00);
            c01 = Avx512F.Add(Vector512.Load(level + 16), c01);
            c02 = Avx512F.Add(Vector512.Load(level + 32), c02);
            c10 = Avx512F.Add(Vector512.Load(level + 48), c10);
            c11 = Avx512F.Add(Vector512.Load(level + 64), c11);
            c12 = Avx512F.Add(Vector512.Load(level + 80), c12);
            c20 = Avx512F.Add(Vector512.Load(level + 96), c20);
            c21 = Avx512F.Add(Vector512.Load(level + 112), c21);
            c22 = Avx512F.Add(Vector512.Load(level + 128), c22);
            c30 = Avx512F.Add(Vector512.Load(level + 144), c30);
            c31 = Avx512F.Add(Vector512.Load(level + 160), c31);
            c32 = Avx512F.Add(Vector512.Load(level + 176), c32);
            c40 = Avx512F.Add(Vector512.Load(level + 192), c40);
            c41 = Avx512F.Add(Vector512.Load(level + 208), c41);
            c42 = Avx512F.Add(Vector512.Load(level + 224), c42);
            c50 = Avx512F.Add(Vector512.Load(level + 240), c50);
            c51 = Avx512F.Add(Vector512.Load(level + 256), c51);
            c52 = Avx512F.Add(Vector512.Load(level + 272), c52);
            c60 = Avx512F.Add(Vector512.Load(level + 288), c60);
            c61 = Avx512F.Add(Vector512.Load(level + 304), c61);
            c62 = Avx512F.Add(Vector512.Load(level + 320), c62);
            c70 = Avx512F.Add(Vector512.Load(level + 336), c70);
            c71 = Avx512F.Add(Vector512.Load(level + 352), c71);
            c72 = Avx512F.Add(Vector512.Load(level + 368), c72);
        }

        float* target = c;
        c00.Store(target);
        c01.Store(target + 16);
        c02.Store(target + 32);
        target += stride;
        c10.Store(target);
        c11.Store(target + 16);
        c12.Store(target + 32);
        target += stride;
        c20.Store(target);
        c21.Store(target + 16);
        c22.Store(target + 32);
        target += stride;
        c30.Store(target);
        c31.Store(target + 16);
        c32.Store(target + 32);
        target += stride;
        c40.Store(target);
        c41.Store(target + 16);
        c42.Store(target + 32);
        target += stride;
        c50.Store(target);
        c51.Store(target + 16);
        c52.Store(target + 32);
        target += stride;
        c60.Store(target);
        c61.Store(target + 16);
        c62.Store(target + 32);
        target += stride;
        c70.Store(target);
        c71.Store(target + 16);
        c72.Store(target + 32);
    }

    // A third of a tile, for the last columns of a matrix: eight chains are just enough to hide the latency of an addition.
    private static void Run8x16(float* c, nint stride, CpuLeft left, float* b, nint count, bool accumulate, int merges)
    {
        Vector512<float> c00 = Vector512<float>.Zero;
        Vector512<float> c10 = Vector512<float>.Zero;
        Vector512<float> c20 = Vector512<float>.Zero;
        Vector512<float> c30 = Vector512<float>.Zero;
        Vector512<float> c40 = Vector512<float>.Zero;
        Vector512<float> c50 = Vector512<float>.Zero;
        Vector512<float> c60 = Vector512<float>.Zero;
        Vector512<float> c70 = Vector512<float>.Zero;
        if (accumulate)
        {
            float* source = c;
            c00 = Vector512.Load(source);
            source += stride;
            c10 = Vector512.Load(source);
            source += stride;
            c20 = Vector512.Load(source);
            source += stride;
            c30 = Vector512.Load(source);
            source += stride;
            c40 = Vector512.Load(source);
            source += stride;
            c50 = Vector512.Load(source);
            source += stride;
            c60 = Vector512.Load(source);
            source += stride;
            c70 = Vector512.Load(source);
        }

        float* a = left.Start;
        nint row1 = left.RowStride;
        nint row2 = row1 + left.RowStride;
        nint row3 = row2 + left.RowStride;
        nint row4 = row3 + left.RowStride;
        nint row5 = row4 + left.RowStride;
        nint row6 = row5 + left.RowStride;
        nint row7 = row6 + left.RowStride;
        for (nint k = count; k > 0; k--)
        {
            Vector512<float> b0 = Vector512.Load(b);
            Vector512<float> a0 = Vector512.Create(a[0]);
            c00 = Avx512F.FusedMultiplyAdd(a0, b0, c00);
            Vector512<float> a1 = Vector512.Create(a[row1]);
            c10 = Avx512F.FusedMultiplyAdd(a1, b0, c10);
            Vector512<float> a2 = Vector512.Create(a[row2]);
            c20 = Avx512F.FusedMultiplyAdd(a2, b0, c20);
            Vector512<float> a3 = Vector512.Create(a[row3]);
            c30 = Avx512F.FusedMultiplyAdd(a3, b0, c30);
            Vector512<float> a4 = Vector512.Create(a[row4]);
            c40 = Avx512F.FusedMultiplyAdd(a4, b0, c40);
            Vector512<float> a5 = Vector512.Create(a[row5]);
            c50 = Avx512F.FusedMultiplyAdd(a5, b0, c50);
            Vector512<float> a6 = Vector512.Create(a[row6]);
            c60 = Avx512F.FusedMultiplyAdd(a6, b0, c60);
            Vector512<float> a7 = Vector512.Create(a[row7]);
            c70 = Avx512F.FusedMultiplyAdd(a7, b0, c70);
            a += left.Step;
            b += CpuTile.Columns;
        }

        for (float* level = c + (merges * CpuTile.Elements); level > c;)
        {
            level -= CpuTile.Elements;
            c00 = Avx512F.Add(Vector512.Load(level), c00);
            c10 = Avx512F.Add(Vector512.Load(level + 48), c10);
            c20 = Avx512F.Add(Vector512.Load(level + 96), c20);
            c30 = Avx512F.Add(Vector512.Load(level + 144), c30);
            c40 = Avx512F.Add(Vector512.Load(level + 192), c40);
            c50 = Avx512F.Add(Vector512.Load(level + 240), c50);
            c60 = Avx512F.Add(Vector512.Load(level + 288), c60);
            c70 = Avx512F.Add(Vector512.Load(level + 336), c70);
        }

        float* target = c;
        c00.Store(target);
        target += stride;
        c10.Store(target);
        target += stride;
        c20.Store(target);
        target += stride;
        c30.Store(target);
        target += stride;
        c40.Store(target);
        target += stride;
        c50.Store(target);
        target += stride;
        c60.Store(target);
        target += stride;
        c70.Store(target);
    }
}
