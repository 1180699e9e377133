using System.Numerics;

namespace Camels.Kernels.Ops;

public static partial class Add
{
    private static void ForwardReference<T>(Reals<T> y, Reals<T> x, Reals<T> residual, long elements)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (long i = 0; i < elements; i++)
        {
            y[i] = x[i] + residual[i];
        }
    }
}
