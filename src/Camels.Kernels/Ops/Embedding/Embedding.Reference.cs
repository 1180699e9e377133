using System.Numerics;

namespace Camels.Kernels.Ops;

public static partial class Embedding
{
    private static void ForwardReference<T>(Reals<T> y, Tensor ids, Reals<T> weight, int rows, int channels)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        ReadOnlySpan<int> id = ids.AsSpan<int>();
        for (int n = 0; n < rows; n++)
        {
            for (int c = 0; c < channels; c++)
            {
                y[n, c] = weight[id[n], c];
            }
        }
    }

    // dWeightSum[v] += sum of dy[n] over the positions n with ids[n] = v
    private static void BackwardReference<T>(Reals<T> dWeightSum, Reals<T> dy, Tensor ids, int rows, int channels)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        ReadOnlySpan<int> id = ids.AsSpan<int>();
        for (int n = 0; n < rows; n++)
        {
            for (int c = 0; c < channels; c++)
            {
                dWeightSum[id[n], c] += dy[n, c];
            }
        }
    }
}
