using System.Numerics;

namespace Camels.Kernels.Ops;

public static partial class Rope
{
    // (y[i], y[i + R/2]) = (x[i] * cos − x[i + R/2] * sin,  x[i + R/2] * cos + x[i] * sin); the inverse has −sin.
    private static void RotateReference<T>(
        Tensor y, Tensor x, Tensor positions, Tensor cosines, Tensor sines, int headWidth, int direction)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        (int rows, int columns) = x.Rank2();
        int pairs = cosines.Shape[1];
        ReadOnlySpan<int> position = positions.AsSpan<int>();
        Reals<T> from = x;
        Reals<T> to = y;
        Reals<T> cosine = cosines;
        Reals<T> sine = sines;
        for (int n = 0; n < rows; n++)
        {
            for (int start = 0; start < columns; start += headWidth)
            {
                for (int i = 0; i < pairs; i++)
                {
                    T cos = cosine[position[n], i];
                    T sin = sine[position[n], i] * T.CreateTruncating(direction);
                    T first = from[n, start + i];
                    T second = from[n, start + pairs + i];
                    to[n, start + i] = (first * cos) - (second * sin);
                    to[n, start + pairs + i] = (second * cos) + (first * sin);
                }

                for (int i = 2 * pairs; i < headWidth; i++)
                {
                    to[n, start + i] = from[n, start + i];
                }
            }
        }
    }
}
