using System.Numerics;

namespace Camels.Kernels.Ops;

public static partial class MatMul
{
    private static void ForwardReference<T>(
        Reals<T> y, Reals<T> x, Reals<T> weight, in Epilogue epilogue, int rows, int channels, int outputs)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Reals<T> bias = epilogue.Bias;
        Reals<T> residual = epilogue.Residual;
        Reals<T> before = epilogue.BeforeActivation;
        for (int n = 0; n < rows; n++)
        {
            for (int o = 0; o < outputs; o++)
            {
                T sum = T.Zero;
                for (int c = 0; c < channels; c++)
                {
                    sum += x[n, c] * weight[o, c];
                }

                sum = epilogue.Bias.IsNone ? sum : bias[o] + sum;
                if (!epilogue.BeforeActivation.IsNone)
                {
                    before[n, o] = sum;
                }

                sum = epilogue.Activation switch
                {
                    Activation.Relu => T.Max(sum, T.Zero),
                    Activation.Gelu => Gelu.Of(sum),
                    _ => sum,
                };
                y[n, o] = epilogue.Residual.IsNone ? sum : residual[n, o] + sum;
            }
        }
    }

    // y = x · weightᵀ  gives  dx = dy · weight  and  dWeightSum += dyᵀ · x
    private static void BackwardInputReference<T>(
        Reals<T> dx, Reals<T> dy, Reals<T> weight, int rows, int channels, int outputs, bool sums)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int n = 0; n < rows; n++)
        {
            for (int c = 0; c < channels; c++)
            {
                T sum = sums ? dx[n, c] : T.Zero;
                for (int o = 0; o < outputs; o++)
                {
                    sum += dy[n, o] * weight[o, c];
                }

                dx[n, c] = sum;
            }
        }
    }

    private static void BackwardWeightReference<T>(
        Reals<T> dWeightSum, Reals<T> dy, Reals<T> x, int rows, int channels, int outputs)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int o = 0; o < outputs; o++)
        {
            for (int c = 0; c < channels; c++)
            {
                T sum = T.Zero;
                for (int n = 0; n < rows; n++)
                {
                    sum += dy[n, o] * x[n, c];
                }

                dWeightSum[o, c] += sum;
            }
        }
    }
}
