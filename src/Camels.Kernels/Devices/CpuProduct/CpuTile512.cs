using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Camels.Kernels;

/// <summary>The tile of the matrix product in 512-bit registers.</summary>
internal static unsafe class CpuTile512
{
    /// <summary>See <see cref="CpuTile.Run"/>; columns beyond <paramref name="columns"/> are left alone in steps of 16.</summary>
    public static void Run(float* c, nint stride, float* a, float* b, nint count, int columns, bool accumulate, nint ahead)
    {
        if (columns > 32)
        {
            Run8x48(c, stride, a, b, count, accumulate, ahead);
            return;
        }

        for (int column = 0; column < columns; column += 16)
        {
            Run8x16(c + column, stride, a, b + column, count, accumulate, ahead);
        }
    }

    // 24 accumulators, three vectors of b and one broadcast element of a: 28 of the 32 registers.
    private static void Run8x48(float* c, nint stride, float* a, float* b, nint count, bool accumulate, nint ahead)
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
            float* row = c;
            c00 = Vector512.Load(row); c01 = Vector512.Load(row + 16); c02 = Vector512.Load(row + 32);
            row += stride;
            c10 = Vector512.Load(row); c11 = Vector512.Load(row + 16); c12 = Vector512.Load(row + 32);
            row += stride;
            c20 = Vector512.Load(row); c21 = Vector512.Load(row + 16); c22 = Vector512.Load(row + 32);
            row += stride;
            c30 = Vector512.Load(row); c31 = Vector512.Load(row + 16); c32 = Vector512.Load(row + 32);
            row += stride;
            c40 = Vector512.Load(row); c41 = Vector512.Load(row + 16); c42 = Vector512.Load(row + 32);
            row += stride;
            c50 = Vector512.Load(row); c51 = Vector512.Load(row + 16); c52 = Vector512.Load(row + 32);
            row += stride;
            c60 = Vector512.Load(row); c61 = Vector512.Load(row + 16); c62 = Vector512.Load(row + 32);
            row += stride;
            c70 = Vector512.Load(row); c71 = Vector512.Load(row + 16); c72 = Vector512.Load(row + 32);
        }

        for (nint k = count; k > 0; k--)
        {
            Sse.Prefetch1(a + ahead);
            Vector512<float> b0 = Vector512.Load(b);
            Vector512<float> b1 = Vector512.Load(b + 16);
            Vector512<float> b2 = Vector512.Load(b + 32);
            Vector512<float> a0 = Vector512.Create(a[0]);
            c00 = Avx512F.FusedMultiplyAdd(a0, b0, c00);
            c01 = Avx512F.FusedMultiplyAdd(a0, b1, c01);
            c02 = Avx512F.FusedMultiplyAdd(a0, b2, c02);
            Vector512<float> a1 = Vector512.Create(a[1]);
            c10 = Avx512F.FusedMultiplyAdd(a1, b0, c10);
            c11 = Avx512F.FusedMultiplyAdd(a1, b1, c11);
            c12 = Avx512F.FusedMultiplyAdd(a1, b2, c12);
            Vector512<float> a2 = Vector512.Create(a[2]);
            c20 = Avx512F.FusedMultiplyAdd(a2, b0, c20);
            c21 = Avx512F.FusedMultiplyAdd(a2, b1, c21);
            c22 = Avx512F.FusedMultiplyAdd(a2, b2, c22);
            Vector512<float> a3 = Vector512.Create(a[3]);
            c30 = Avx512F.FusedMultiplyAdd(a3, b0, c30);
            c31 = Avx512F.FusedMultiplyAdd(a3, b1, c31);
            c32 = Avx512F.FusedMultiplyAdd(a3, b2, c32);
            Vector512<float> a4 = Vector512.Create(a[4]);
            c40 = Avx512F.FusedMultiplyAdd(a4, b0, c40);
            c41 = Avx512F.FusedMultiplyAdd(a4, b1, c41);
            c42 = Avx512F.FusedMultiplyAdd(a4, b2, c42);
            Vector512<float> a5 = Vector512.Create(a[5]);
            c50 = Avx512F.FusedMultiplyAdd(a5, b0, c50);
            c51 = Avx512F.FusedMultiplyAdd(a5, b1, c51);
            c52 = Avx512F.FusedMultiplyAdd(a5, b2, c52);
            Vector512<float> a6 = Vector512.Create(a[6]);
            c60 = Avx512F.FusedMultiplyAdd(a6, b0, c60);
            c61 = Avx512F.FusedMultiplyAdd(a6, b1, c61);
            c62 = Avx512F.FusedMultiplyAdd(a6, b2, c62);
            Vector512<float> a7 = Vector512.Create(a[7]);
            c70 = Avx512F.FusedMultiplyAdd(a7, b0, c70);
            c71 = Avx512F.FusedMultiplyAdd(a7, b1, c71);
            c72 = Avx512F.FusedMultiplyAdd(a7, b2, c72);
            a += CpuTile.Rows;
            b += CpuTile.Columns;
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
    private static void Run8x16(float* c, nint stride, float* a, float* b, nint count, bool accumulate, nint ahead)
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
            float* row = c;
            c00 = Vector512.Load(row);
            row += stride;
            c10 = Vector512.Load(row);
            row += stride;
            c20 = Vector512.Load(row);
            row += stride;
            c30 = Vector512.Load(row);
            row += stride;
            c40 = Vector512.Load(row);
            row += stride;
            c50 = Vector512.Load(row);
            row += stride;
            c60 = Vector512.Load(row);
            row += stride;
            c70 = Vector512.Load(row);
        }

        for (nint k = count; k > 0; k--)
        {
            Sse.Prefetch1(a + ahead);
            Vector512<float> b0 = Vector512.Load(b);
            Vector512<float> a0 = Vector512.Create(a[0]);
            c00 = Avx512F.FusedMultiplyAdd(a0, b0, c00);
            Vector512<float> a1 = Vector512.Create(a[1]);
            c10 = Avx512F.FusedMultiplyAdd(a1, b0, c10);
            Vector512<float> a2 = Vector512.Create(a[2]);
            c20 = Avx512F.FusedMultiplyAdd(a2, b0, c20);
            Vector512<float> a3 = Vector512.Create(a[3]);
            c30 = Avx512F.FusedMultiplyAdd(a3, b0, c30);
            Vector512<float> a4 = Vector512.Create(a[4]);
            c40 = Avx512F.FusedMultiplyAdd(a4, b0, c40);
            Vector512<float> a5 = Vector512.Create(a[5]);
            c50 = Avx512F.FusedMultiplyAdd(a5, b0, c50);
            Vector512<float> a6 = Vector512.Create(a[6]);
            c60 = Avx512F.FusedMultiplyAdd(a6, b0, c60);
            Vector512<float> a7 = Vector512.Create(a[7]);
            c70 = Avx512F.FusedMultiplyAdd(a7, b0, c70);
            a += CpuTile.Rows;
            b += CpuTile.Columns;
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
