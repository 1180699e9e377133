using System.Numerics;

namespace Camels.Kernels.Ops;

public static partial class CachedAttention
{
    private static void ForwardReference<T>(
        Reals<T> y, Reals<T> q, Reals<T> keys, Reals<T> values, Tensor slots, Tensor positions, int length, AttentionShape shape)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int n = 0; n < shape.Tokens; n++)
        {
            for (int h = 0; h < shape.Heads; h++)
            {
                long firstKey = ((long)slots.AsSpan<int>()[n] * length * shape.KeyHeads) + (h / shape.HeadsPerKeyHead);
                _ = Attention.QueryReference(
                    y, q, keys, values, (((long)n * shape.Heads) + h) * shape.HeadWidth, firstKey * shape.HeadWidth,
                    (long)shape.KeyHeads * shape.HeadWidth, positions.AsSpan<int>()[n] + 1, shape);
            }
        }
    }
}
