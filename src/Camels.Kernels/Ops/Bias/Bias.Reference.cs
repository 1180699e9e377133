using System.Numerics;

namespace Camels.Kernels.Ops;

public static partial class Bias
{
    private static void BackwardReference<T>(Reals<T> dBiasSum, Reals<T> dy, int rows, int channels)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int c = 0; c < channels; c++)
        {
            T sum = T.Zero;
            for (int n = 0; n < rows; n++)
            {
                sum += dy[n, c];
            }

            dBiasSum[c] += sum;
        }
    }
}
