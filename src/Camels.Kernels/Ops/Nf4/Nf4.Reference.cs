using System.Numerics;

namespace Camels.Kernels.Ops;

public static partial class Nf4
{
    private static void QuantizeReference<T>(Tensor codes, Reals<T> absmax, Reals<T> x, long elements)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Span<byte> bytes = codes.AsSpan<byte>();
        bytes.Fill(ZeroCode);
        for (int block = 0; block < Blocks(elements); block++)
        {
            long start = (long)block * BlockElements;
            long end = Math.Min(elements, start + BlockElements);
            T largest = T.Zero;
            for (long i = start; i < end; i++)
            {
                largest = T.Max(largest, T.Abs(x[i]));
            }

            absmax[block] = largest;
            T inverse = T.One / largest;
            for (long i = start; i < end; i++)
            {
                int code = largest == T.Zero ? ZeroCode : Nf4Codes.NearestValue(double.CreateTruncating(x[i] * inverse));
                int other = i % 2 == 0 ? ZeroCode : bytes[(int)(i / 2)] >> 4;
                bytes[(int)(i / 2)] = (byte)(i % 2 == 0 ? (code << 4) | other : (other << 4) | code);
            }
        }
    }

    private static void DequantizeReference<T>(Reals<T> y, Tensor codes, Reals<T> absmax, long elements)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        ReadOnlySpan<byte> bytes = codes.AsSpan<byte>();
        for (long i = 0; i < elements; i++)
        {
            int pair = bytes[(int)(i / 2)];
            y[i] = T.CreateTruncating(Nf4Codes.Values[i % 2 == 0 ? pair >> 4 : pair & 15]) * absmax[(int)(i / BlockElements)];
        }
    }

    private static void QuantizeScalesReference<T>(Tensor scales, Reals<T> nestedScales, Reals<T> offset, Tensor absmax)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Reals<T> from = absmax;
        Span<byte> bytes = scales.AsSpan<byte>();
        T mean = T.CreateTruncating(SumInBlocks(from, bytes.Length) / Math.Max(1, bytes.Length));
        offset[0] = mean;
        for (int nested = 0; nested < NestedBlocks(bytes.Length); nested++)
        {
            (int start, int end) = NestedBlock(nested, bytes.Length);
            T largest = T.Zero;
            for (int b = start; b < end; b++)
            {
                largest = T.Max(largest, T.Abs(from[b] - mean));
            }

            nestedScales[nested] = largest;
            for (int b = start; b < end; b++)
            {
                bytes[b] = (byte)_dynamic.Nearest(largest == T.Zero ? 0 : double.CreateTruncating((from[b] - mean) / largest));
            }
        }
    }

    private static void DequantizeScalesReference<T>(Reals<T> absmax, Tensor scales, Reals<T> nestedScales, Reals<T> offset)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        ReadOnlySpan<byte> bytes = scales.AsSpan<byte>();
        for (int b = 0; b < bytes.Length; b++)
        {
            absmax[b] = (T.CreateTruncating(_dynamic.Values[bytes[b]]) * nestedScales[b / NestedBlockElements]) + offset[0];
        }
    }

    // The sums of blocks, then their sum.
    private static double SumInBlocks<T>(Reals<T> absmax, int blocks)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        double sum = 0;
        for (int nested = 0; nested < NestedBlocks(blocks); nested++)
        {
            (int start, int end) = NestedBlock(nested, blocks);
            double ofBlock = 0;
            for (int b = start; b < end; b++)
            {
                ofBlock += double.CreateTruncating(absmax[b]);
            }

            sum += ofBlock;
        }

        return sum;
    }

    private static (int Start, int End) NestedBlock(int nested, int blocks) =>
        (nested * NestedBlockElements, Math.Min(blocks, (nested + 1) * NestedBlockElements));
}
