using System.Numerics;

namespace Camels.Kernels.Ops;

public static partial class LayerNorm
{
    private static void ForwardReference<T>(
        Reals<T> y, Reals<T> mean, Reals<T> rstd, Reals<T> x, Reals<T> weight, Reals<T> bias, int rows, int channels, double eps)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int n = 0; n < rows; n++)
        {
            T sum = T.Zero;
            for (int c = 0; c < channels; c++)
            {
                sum += x[n, c];
            }

            T m = sum / T.CreateTruncating(channels);
            T squares = T.Zero;
            for (int c = 0; c < channels; c++)
            {
                squares += (x[n, c] - m) * (x[n, c] - m);
            }

            T r = T.One / T.Sqrt((squares / T.CreateTruncating(channels)) + T.CreateTruncating(eps));
            for (int c = 0; c < channels; c++)
            {
                y[n, c] = ((x[n, c] - m) * r * weight[c]) + bias[c];
            }

            mean[n] = m;
            rstd[n] = r;
        }
    }

    private static void BackwardReference<T>(
        Tensor dx, Tensor dWeightSum, Tensor dBiasSum, Tensor dy, Tensor x, Tensor weight, Tensor mean, Tensor rstd)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        SumWeights<T>(dWeightSum, dBiasSum, dy, x, mean, rstd, x.Shape[0], x.Shape[1]);
        InputGradient<T>(dx, dy, x, weight, mean, rstd, x.Shape[0], x.Shape[1]);
    }

    // With h = (x − mean) * rstd:   dWeightSum += sum over rows of dy * h,   dBiasSum += sum over rows of dy
    private static void SumWeights<T>(
        Reals<T> dWeightSum, Reals<T> dBiasSum, Reals<T> dy, Reals<T> x, Reals<T> mean, Reals<T> rstd, int rows, int channels)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int c = 0; c < channels; c++)
        {
            T weightSum = T.Zero;
            T biasSum = T.Zero;
            for (int n = 0; n < rows; n++)
            {
                weightSum += dy[n, c] * (x[n, c] - mean[n]) * rstd[n];
                biasSum += dy[n, c];
            }

            dWeightSum[c] += weightSum;
            dBiasSum[c] += biasSum;
        }
    }

    // With g = dy * weight:   dx = rstd * (g − mean(g) − h * mean(g * h))
    private static void InputGradient<T>(
        Reals<T> dx, Reals<T> dy, Reals<T> x, Reals<T> weight, Reals<T> mean, Reals<T> rstd, int rows, int channels)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int n = 0; n < rows; n++)
        {
            T meanG = T.Zero;
            T meanGh = T.Zero;
            for (int c = 0; c < channels; c++)
            {
                T g = dy[n, c] * weight[c];
                meanG += g / T.CreateTruncating(channels);
                meanGh += g * (x[n, c] - mean[n]) * rstd[n] / T.CreateTruncating(channels);
            }

            for (int c = 0; c < channels; c++)
            {
                T h = (x[n, c] - mean[n]) * rstd[n];
                dx[n, c] = rstd[n] * ((dy[n, c] * weight[c]) - meanG - (h * meanGh));
            }
        }
    }
}
