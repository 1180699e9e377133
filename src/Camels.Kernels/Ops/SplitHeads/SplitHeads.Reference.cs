using System.Numerics;

namespace Camels.Kernels.Ops;

public static partial class SplitHeads
{
    private static void ForwardReference<T>(Reals<T> q, Reals<T> k, Reals<T> v, Tensor fused, int heads, int headWidth)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Reals<T> from = fused;
        for (int n = 0; n < fused.Shape[0]; n++)
        {
            for (int h = 0; h < heads; h++)
            {
                for (int i = 0; i < headWidth; i++)
                {
                    q[n, (h * headWidth) + i] = from[n, (3 * h * headWidth) + i];
                    k[n, (h * headWidth) + i] = from[n, (((3 * h) + 1) * headWidth) + i];
                    v[n, (h * headWidth) + i] = from[n, (((3 * h) + 2) * headWidth) + i];
                }
            }
        }
    }

    private static void BackwardReference<T>(Tensor dFused, Reals<T> dq, Reals<T> dk, Reals<T> dv, int heads, int headWidth)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Reals<T> to = dFused;
        for (int n = 0; n < dFused.Shape[0]; n++)
        {
            for (int h = 0; h < heads; h++)
            {
                for (int i = 0; i < headWidth; i++)
                {
                    to[n, (3 * h * headWidth) + i] = dq[n, (h * headWidth) + i];
                    to[n, (((3 * h) + 1) * headWidth) + i] = dk[n, (h * headWidth) + i];
                    to[n, (((3 * h) + 2) * headWidth) + i] = dv[n, (h * headWidth) + i];
                }
            }
        }
    }
}
