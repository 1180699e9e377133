namespace Camels.Kernels.Ops;

public static partial class CachedAttention
{
    private const int AppendThreads = 128;

    private static readonly KernelSet _append = new("cached_attention", "cached_attention_append");
    private static readonly AttentionCuda _forward = new("cached_attention", "cached_attention_forward");

    private static void AppendCuda(DeviceStream stream, Tensor keys, Tensor values, Tensor k, Tensor v, Tensor slots, Tensor positions) =>
        stream.Launch(
            _append[k.DType], new LaunchSize(k.Shape[0], AppendThreads), keys, values, k, v, slots, positions, keys.Shape[0], keys.Shape[1],
            keys.Shape[2]);

    private static void ForwardCuda(
        DeviceStream stream, Tensor y, Tensor q, Tensor keys, Tensor values, Tensor slots, Tensor positions, int length,
        AttentionShape shape)
    {
        if (AttentionGroups.Takes(stream, shape, q.DType))
        {
            AttentionGroups.CachedForward(stream, y, q, keys, values, slots, positions, shape);
            return;
        }

        // Rows that are computed together: those of one token, or of as many as fill a block.
        int sets = (shape.HeadsPerKeyHead + AttentionCuda.ForwardRows - 1) / AttentionCuda.ForwardRows;
        LaunchSize size = new(
            shape.Tokens, AttentionCuda.ForwardThreads, Y: shape.KeyHeads, Z: sets, SharedBytes: AttentionCuda.ForwardSharedBytes(shape, q.DType));
        stream.Launch(
            _forward[shape, q.DType], size, y, q, keys, values, slots, positions, shape.Tokens, keys.Shape[0], length, shape.Heads, shape.KeyHeads,
            AttentionCuda.GroupInverse(shape), shape.HeadWidth, shape.Scale, AttentionCuda.Aligned(shape, y, q, keys, values));
    }
}
