using System.Numerics;

namespace Camels.Kernels.Ops;

public static partial class Dropout
{
    private static void ForwardReference<T>(Reals<T> y, Tensor x, Tensor keys, ulong seed, uint threshold, float factor)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Reals<T> from = x;
        ReadOnlySpan<int> key = keys.AsSpan<int>();
        for (int n = 0; n < key.Length; n++)
        {
            for (int c = 0; c < x.Shape[1]; c++)
            {
                y[n, c] = Bits(key[n], seed, c) >= threshold ? T.CreateTruncating(factor) * from[n, c] : T.Zero;
            }
        }
    }
}
