using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Camels.Kernels;

/// <summary>The tile of the matrix product in 256-bit registers: up to four sub-tiles of 4 × 24.</summary>
internal static unsafe class CpuTile256
{
    /// <summary>See <see cref="CpuTile.Run"/>; columns beyond <paramref name="columns"/> are left alone in steps of 24.</summary>
    public static void Run(float* c, nint stride, in CpuLeft left, float* b, nint count, int columns, bool accumulate)
    {
        for (int column = 0; column < columns; column += 24)
        {
            Run4x24(c + column, stride, left, b + column, count, accumulate);
            Run4x24(c + (4 * stride) + column, stride, left.FromRow(4), b + column, count, accumulate);
        }
    }

    // 12 accumulators, three vectors of b and one broadcast element of a: all 16 registers.
    private static void Run4x24(float* c, nint stride, in CpuLeft left, float* b, nint count, bool accumulate)
    {
        Vector256<float> c00 = Vector256<float>.Zero, c01 = Vector256<float>.Zero, c02 = Vector256<float>.Zero;
        Vector256<float> c10 = Vector256<float>.Zero, c11 = Vector256<float>.Zero, c12 = Vector256<float>.Zero;
        Vector256<float> c20 = Vector256<float>.Zero, c21 = Vector256<float>.Zero, c22 = Vector256<float>.Zero;
        Vector256<float> c30 = Vector256<float>.Zero, c31 = Vector256<float>.Zero, c32 = Vector256<float>.Zero;
        if (accumulate)
        {
            float* source = c;
            c00 = Vector256.Load(source);
            c01 = Vector256.Load(source + 8);
            c02 = Vector256.Load(source + 16);
            source += stride;
            c10 = Vector256.Load(source);
            c11 = Vector256.Load(source + 8);
            c12 = Vector256.Load(source + 16);
            source += stride;
            c20 = Vector256.Load(source);
            c21 = Vector256.Load(source + 8);
            c22 = Vector256.Load(source + 16);
            source += stride;
            c30 = Vector256.Load(source);
            c31 = Vector256.Load(source + 8);
            c32 = Vector256.Load(source + 16);
        }

        float* a = left.Start;
        nint row1 = left.RowStride;
        nint row2 = row1 + left.RowStride;
        nint row3 = row2 + left.RowStride;
        for (nint k = count; k > 0; k--)
        {
            Vector256<float> b0 = Vector256.Load(b);
            Vector256<float> b1 = Vector256.Load(b + 8);
            Vector256<float> b2 = Vector256.Load(b + 16);
            Vector256<float> a0 = Vector256.Create(a[0]);
            c00 = Fma.MultiplyAdd(a0, b0, c00);
            c01 = Fma.MultiplyAdd(a0, b1, c01);
            c02 = Fma.MultiplyAdd(a0, b2, c02);
            Vector256<float> a1 = Vector256.Create(a[row1]);
            c10 = Fma.MultiplyAdd(a1, b0, c10);
            c11 = Fma.MultiplyAdd(a1, b1, c11);
            c12 = Fma.MultiplyAdd(a1, b2, c12);
            Vector256<float> a2 = Vector256.Create(a[row2]);
            c20 = Fma.MultiplyAdd(a2, b0, c20);
            c21 = Fma.MultiplyAdd(a2, b1, c21);
            c22 = Fma.MultiplyAdd(a2, b2, c22);
            Vector256<float> a3 = Vector256.Create(a[row3]);
            c30 = Fma.MultiplyAdd(a3, b0, c30);
            c31 = Fma.MultiplyAdd(a3, b1, c31);
            c32 = Fma.MultiplyAdd(a3, b2, c32);
            a += left.Step;
            b += CpuTile.Columns;
        }

        float* target = c;
        c00.Store(target);
        c01.Store(target + 8);
        c02.Store(target + 16);
        target += stride;
        c10.Store(target);
        c11.Store(target + 8);
        c12.Store(target + 16);
        target += stride;
        c20.Store(target);
        c21.Store(target + 8);
        c22.Store(target + 16);
        target += stride;
        c30.Store(target);
        c31.Store(target + 8);
        c32.Store(target + 16);
    }
}
