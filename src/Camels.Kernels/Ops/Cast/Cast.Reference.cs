using System.Numerics;

namespace Camels.Kernels.Ops;

public static partial class Cast
{
    private static void ForwardReference<T>(Reals<T> y, Reals<T> x, long elements)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (long i = 0; i < elements; i++)
        {
            y[i] = x[i];
        }
    }
}
