using System.Numerics;

namespace Camels.Kernels.Ops;

public static partial class Attention
{
    private static void ForwardReference<T>(
        Reals<T> y, Reals<T> logSumExp, Reals<T> q, Reals<T> k, Reals<T> v, Tensor documentBounds, AttentionShape shape)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        ReadOnlySpan<int> bounds = documentBounds.AsSpan<int>();
        int width = shape.HeadWidth;
        for (int document = 0; document < bounds.Length - 1; document++)
        {
            for (int n = bounds[document]; n < bounds[document + 1]; n++)
            {
                for (int h = 0; h < shape.Heads; h++)
                {
                    long query = ((long)n * shape.Heads) + h;
                    long firstKey = ((long)bounds[document] * shape.KeyHeads) + (h / shape.HeadsPerKeyHead);
                    logSumExp[query] = QueryReference(
                        y, q, k, v, query * width, firstKey * width, (long)shape.KeyHeads * width, keys: n + 1 - bounds[document], shape);
                }
            }
        }
    }

    /// <summary>
    /// One query of one head, at element <paramref name="query"/> of q and y, over <paramref name="keys"/> keys: key j is at element
    /// <paramref name="firstKey"/> + j * <paramref name="keyStride"/> of k and v. Returns log(sum of exp(score)).
    /// </summary>
    internal static T QueryReference<T>(
        Reals<T> y, Reals<T> q, Reals<T> k, Reals<T> v, long query, long firstKey, long keyStride, int keys, AttentionShape shape)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        T scale = T.CreateTruncating(shape.Scale);
        T largest = T.NegativeInfinity;
        for (int j = 0; j < keys; j++)
        {
            largest = T.Max(largest, scale * Dot(q, query, k, firstKey + (j * keyStride), shape.HeadWidth));
        }

        T sum = T.Zero;
        Span<T> outputs = stackalloc T[shape.HeadWidth];
        outputs.Clear();
        for (int j = 0; j < keys; j++)
        {
            long key = firstKey + (j * keyStride);
            T weight = T.Exp((scale * Dot(q, query, k, key, shape.HeadWidth)) - largest);
            sum += weight;
            for (int d = 0; d < shape.HeadWidth; d++)
            {
                outputs[d] += weight * v[key + d];
            }
        }

        for (int d = 0; d < shape.HeadWidth; d++)
        {
            y[query + d] = outputs[d] / sum;
        }

        return largest + T.Log(sum);
    }

    // With p[n,j] = exp(scale * q[n]·k[j] - logSumExp[n]):
    //   dv[j] = sum over n of p[n,j] * dy[n]
    //   dScore[n,j] = scale * p[n,j] * (dy[n]·v[j] - delta[n]),   delta[n] = sum over j of p[n,j] * dy[n]·v[j] = dy[n]·y[n]
    //   dq[n] = sum over j of dScore[n,j] * k[j],   dk[j] = sum over n of dScore[n,j] * q[n]
    private static void BackwardReference<T>(
        Reals<T> dq, Reals<T> dk, Reals<T> dv, Reals<T> dy, Reals<T> q, Reals<T> k, Reals<T> v, Reals<T> y, Reals<T> logSumExp,
        Reals<T> delta, Tensor documentBounds, AttentionShape shape)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (long query = 0; query < (long)shape.Tokens * shape.Heads; query++)
        {
            delta[query] = Dot(dy, query * shape.HeadWidth, y, query * shape.HeadWidth, shape.HeadWidth);
        }

        ReadOnlySpan<int> bounds = documentBounds.AsSpan<int>();
        for (int document = 0; document < bounds.Length - 1; document++)
        {
            for (int n = bounds[document]; n < bounds[document + 1]; n++)
            {
                for (int h = 0; h < shape.Heads; h++)
                {
                    QueryGradientReference(dq, dy, q, k, v, logSumExp, delta, n, h, bounds[document], shape);
                }

                for (int h = 0; h < shape.KeyHeads; h++)
                {
                    KeyGradientReference(dk, dv, dy, q, k, v, logSumExp, delta, n, h, bounds[document + 1], shape);
                }
            }
        }
    }

    private static void QueryGradientReference<T>(
        Reals<T> dq, Reals<T> dy, Reals<T> q, Reals<T> k, Reals<T> v, Reals<T> logSumExp, Reals<T> delta, int n, int head, int firstToken,
        AttentionShape shape)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        int width = shape.HeadWidth;
        long query = ((long)n * shape.Heads) + head;
        Span<T> sums = stackalloc T[width];
        sums.Clear();
        for (int j = firstToken; j <= n; j++)
        {
            long key = ((long)j * shape.KeyHeads) + (head / shape.HeadsPerKeyHead);
            (_, T dScore) = ScoreReference(dy, q, k, v, logSumExp, delta, query, key, shape);
            for (int d = 0; d < width; d++)
            {
                sums[d] += dScore * k[(key * width) + d];
            }
        }

        for (int d = 0; d < width; d++)
        {
            dq[(query * width) + d] = sums[d];
        }
    }

    private static void KeyGradientReference<T>(
        Reals<T> dk, Reals<T> dv, Reals<T> dy, Reals<T> q, Reals<T> k, Reals<T> v, Reals<T> logSumExp, Reals<T> delta, int j, int keyHead,
        int endToken, AttentionShape shape)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        int width = shape.HeadWidth;
        long key = ((long)j * shape.KeyHeads) + keyHead;
        Span<T> sums = stackalloc T[2 * width];
        sums.Clear();
        for (int n = j; n < endToken; n++)
        {
            for (int g = 0; g < shape.HeadsPerKeyHead; g++)
            {
                long query = ((long)n * shape.Heads) + (keyHead * shape.HeadsPerKeyHead) + g;
                (T probability, T dScore) = ScoreReference(dy, q, k, v, logSumExp, delta, query, key, shape);
                for (int d = 0; d < width; d++)
                {
                    sums[d] += dScore * q[(query * width) + d];
                    sums[width + d] += probability * dy[(query * width) + d];
                }
            }
        }

        for (int d = 0; d < width; d++)
        {
            dk[(key * width) + d] = sums[d];
            dv[(key * width) + d] = sums[width + d];
        }
    }

    private static (T Probability, T DScore) ScoreReference<T>(
        Reals<T> dy, Reals<T> q, Reals<T> k, Reals<T> v, Reals<T> logSumExp, Reals<T> delta, long query, long key, AttentionShape shape)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        int width = shape.HeadWidth;
        T scale = T.CreateTruncating(shape.Scale);
        T probability = T.Exp((scale * Dot(q, query * width, k, key * width, width)) - logSumExp[query]);
        T dProbability = Dot(dy, query * width, v, key * width, width);
        return (probability, scale * probability * (dProbability - delta[query]));
    }

    private static T Dot<T>(Reals<T> a, long aStart, Reals<T> b, long bStart, int width)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        T sum = T.Zero;
        for (int d = 0; d < width; d++)
        {
            sum += a[aStart + d] * b[bStart + d];
        }

        return sum;
    }
}
