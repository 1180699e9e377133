using System.Numerics;

namespace Camels.Kernels.Ops;

public static partial class Transpose
{
    private static void ForwardReference<T>(Reals<T> y, Reals<T> x, int rows, int columns)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int n = 0; n < rows; n++)
        {
            for (int c = 0; c < columns; c++)
            {
                y[c, n] = x[n, c];
            }
        }
    }
}
