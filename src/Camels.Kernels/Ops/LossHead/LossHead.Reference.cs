using System.Numerics;

namespace Camels.Kernels.Ops;

public static partial class LossHead
{
    private static void ForwardReference<T>(Tensor losses, Tensor x, Tensor weight, Tensor trainedRows, Tensor labels, Reals<T> logits)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Reals<T> loss = losses;
        for (int m = 0; m < trainedRows.Shape[0]; m++)
        {
            T logSumExp = RowReference(logits, x, weight, trainedRows.AsSpan<int>()[m], weight.Shape[0], weight.Shape[1]);
            loss[m] = logSumExp - logits[labels.AsSpan<int>()[m]];
        }
    }

    // With p = softmax(logits) of one trained token and g = scale * (p - onehot(label)):
    //   dx[row] = g · weight,   dWeightSum += gᵀ · x[row]
    // gradient takes g in the place of logits: plain code keeps it in the type of x, as every program does that multiplies it by x there.
    private static void ForwardBackwardReference<T>(
        Tensor losses, Tensor dx, Tensor dWeightSum, Tensor x, Tensor weight, Tensor trainedRows, Tensor labels, Tensor scales, Reals<T> logits,
        Reals<T> gradient)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Reals<T> loss = losses;
        Reals<T> scale = scales;
        (int vocabulary, int channels) = weight.Rank2();
        dx.FillBytes(0);
        for (int m = 0; m < trainedRows.Shape[0]; m++)
        {
            int row = trainedRows.AsSpan<int>()[m];
            int label = labels.AsSpan<int>()[m];
            T logSumExp = RowReference(logits, x, weight, row, vocabulary, channels);
            loss[m] = logSumExp - logits[label];
            for (int v = 0; v < vocabulary; v++)
            {
                gradient[v] = scale[m] * (T.Exp(logits[v] - logSumExp) - (v == label ? T.One : T.Zero));
            }

            RowGradientReference(dx, dWeightSum, x, weight, gradient, row, vocabulary, channels);
        }
    }

    private static void RowGradientReference<T>(
        Reals<T> dx, Tensor dWeightSum, Reals<T> x, Reals<T> weight, Reals<T> gradient, int row, int vocabulary, int channels)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Reals<T> dWeight = dWeightSum.IsNone ? default : dWeightSum;
        for (int c = 0; c < channels; c++)
        {
            T sum = T.Zero;
            for (int v = 0; v < vocabulary; v++)
            {
                sum += gradient[v] * weight[v, c];
                if (!dWeightSum.IsNone)
                {
                    dWeight[v, c] += gradient[v] * x[row, c];
                }
            }

            dx[row, c] = sum;
        }
    }

    // Leaves the row's logits and returns their log-sum-exp.
    private static T RowReference<T>(Reals<T> logits, Reals<T> x, Reals<T> weight, int row, int vocabulary, int channels)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        T largest = T.NegativeInfinity;
        for (int v = 0; v < vocabulary; v++)
        {
            T logit = T.Zero;
            for (int c = 0; c < channels; c++)
            {
                logit += x[row, c] * weight[v, c];
            }

            logits[v] = logit;
            largest = T.Max(largest, logit);
        }

        T sum = T.Zero;
        for (int v = 0; v < vocabulary; v++)
        {
            sum += T.Exp(logits[v] - largest);
        }

        return largest + T.Log(sum);
    }
}
