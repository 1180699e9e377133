using System.Numerics;

namespace Camels.Kernels.Ops;

public static unsafe partial class BlockCodes
{
    private static void EncodeReference<T>(Tensor codes, Reals<T> scales, Reals<T> x, DynamicCodes table, long elements)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        byte* code = codes.Pointer<byte>();
        for (int block = 0; block < Blocks(elements); block++)
        {
            long first = (long)block * BlockElements;
            long end = Math.Min(elements, first + BlockElements);
            T largest = T.Zero;
            for (long i = first; i < end; i++)
            {
                largest = T.Max(largest, T.Abs(x[i]));
            }

            scales[block] = largest;
            for (long i = first; i < end; i++)
            {
                code[i] = (byte)table.Nearest(largest == T.Zero ? 0 : double.CreateTruncating(x[i] / largest));
            }
        }
    }

    private static void DecodeReference<T>(Reals<T> x, Tensor codes, Reals<T> scales, DynamicCodes table, long elements)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        byte* code = codes.Pointer<byte>();
        for (long i = 0; i < elements; i++)
        {
            x[i] = T.CreateTruncating(table.Values[code[i]]) * scales[i / BlockElements];
        }
    }
}
