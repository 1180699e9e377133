using System.Numerics;

namespace Camels.Kernels.Ops;

public static partial class SumOfSquares
{
    private static void ForwardReference<T>(Reals<T> blockSums, Reals<T> x, int blocks, long elements)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int block = 0; block < blocks; block++)
        {
            long first = (long)block * BlockElements;
            T sum = T.Zero;
            for (long i = first; i < Math.Min(elements, first + BlockElements); i++)
            {
                sum += x[i] * x[i];
            }

            blockSums[block] = sum;
        }
    }
}
