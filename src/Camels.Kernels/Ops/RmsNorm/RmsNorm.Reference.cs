using System.Numerics;

namespace Camels.Kernels.Ops;

public static partial class RmsNorm
{
    private static void ForwardReference<T>(
        Reals<T> y, Reals<T> rstd, Reals<T> x, Reals<T> weight, int rows, int channels, double eps)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int n = 0; n < rows; n++)
        {
            T squares = T.Zero;
            for (int c = 0; c < channels; c++)
            {
                squares += x[n, c] * x[n, c];
            }

            T r = T.One / T.Sqrt((squares / T.CreateTruncating(channels)) + T.CreateTruncating(eps));
            for (int c = 0; c < channels; c++)
            {
                y[n, c] = x[n, c] * r * weight[c];
            }

            rstd[n] = r;
        }
    }

    // With g = dy * weight and h = x * rstd:
    //   dx = rstd * (g - h * mean(g * h)),   dWeightSum += sum over rows of dy * h
    private static void BackwardReference<T>(
        Reals<T> dx, Reals<T> dWeightSum, Reals<T> dy, Reals<T> x, Reals<T> weight, Reals<T> rstd, int rows, int channels)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int c = 0; c < channels; c++)
        {
            T sum = T.Zero;
            for (int n = 0; n < rows; n++)
            {
                sum += dy[n, c] * x[n, c] * rstd[n];
            }

            dWeightSum[c] += sum;
        }

        for (int n = 0; n < rows; n++)
        {
            T mean = T.Zero;
            for (int c = 0; c < channels; c++)
            {
                mean += dy[n, c] * weight[c] * x[n, c] * rstd[n] / T.CreateTruncating(channels);
            }

            for (int c = 0; c < channels; c++)
            {
                T h = x[n, c] * rstd[n];
                dx[n, c] = rstd[n] * ((dy[n, c] * weight[c]) - (h * mean));
            }
        }
    }
}
