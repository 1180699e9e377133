using System.Numerics;

namespace Camels.Kernels.Ops;

public static partial class Gelu
{
    private static void ForwardReference<T>(Reals<T> y, Reals<T> x, long elements)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (long i = 0; i < elements; i++)
        {
            y[i] = Of(x[i]);
        }
    }

    /// <summary>x * P(x), by plain code.</summary>
    internal static T Of<T>(T x)
        where T : IFloatingPointIeee754<T> => x * Distribution(x);

    // d (x * P(x)) / dx = P(x) + x * p(x), with the density p
    private static void BackwardReference<T>(Reals<T> dx, Reals<T> dy, Reals<T> x, long elements)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (long i = 0; i < elements; i++)
        {
            dx[i] = dy[i] * (Distribution(x[i]) + (x[i] * Density(x[i])));
        }
    }

    // P(x) = 1/2 + p(x) * (x + x³/3 + x⁵/(3·5) + …) (Marsaglia, "Evaluating the Normal Distribution"); beyond 12 it is 0 or 1 in double.
    private static T Distribution<T>(T x)
        where T : IFloatingPointIeee754<T>
    {
        T end = T.CreateTruncating(12);
        if (T.Abs(x) > end)
        {
            return x < T.Zero ? T.Zero : T.One;
        }

        T half = T.CreateTruncating(0.5);
        T term = x;
        T sum = T.Zero;
        for (int odd = 3; sum + term != sum; odd += 2)
        {
            sum += term;
            term *= x * x / T.CreateTruncating(odd);
        }

        return half + (sum * Density(x));
    }

    private static T Density<T>(T x)
        where T : IFloatingPointIeee754<T> => T.Exp(-x * x / T.CreateTruncating(2)) / T.Sqrt(T.Tau);
}
