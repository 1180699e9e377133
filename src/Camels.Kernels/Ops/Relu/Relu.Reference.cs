using System.Numerics;

namespace Camels.Kernels.Ops;

public static partial class Relu
{
    private static void ForwardReference<T>(Reals<T> y, Reals<T> x, long elements)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (long i = 0; i < elements; i++)
        {
            y[i] = T.Max(x[i], T.Zero);
        }
    }

    private static void BackwardReference<T>(Reals<T> dx, Reals<T> dy, Reals<T> x, long elements)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (long i = 0; i < elements; i++)
        {
            dx[i] = x[i] > T.Zero ? dy[i] : T.Zero;
        }
    }
}
