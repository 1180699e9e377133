namespace Camels.Kernels.Ops;

public static partial class CachedAttention
{
    private const int AppendThreads = 128;

    private static readonly KernelSet _append = new("cached_attention", "cached_attention_append");

    private static void AppendCuda(DeviceStream stream, Tensor keys, Tensor values, Tensor k, Tensor v, Tensor slots, Tensor positions) =>
        stream.Launch(
            _append[k.DType], new LaunchSize(k.Shape[0], AppendThreads), keys, values, k, v, slots, positions, keys.Shape[0], keys.Shape[1],
            keys.Shape[2]);

    // The kernel of training: equal bits need no proof.
    private static void ForwardCuda(
        DeviceStream stream, Tensor y, Tensor q, Tensor keys, Tensor values, Tensor slots, Tensor positions, int length,
        AttentionShape shape)
    {
        int slotCount = keys.Shape[0];
        int columns = keys.Shape[2];
        TensorChecks.RequireThat(
            (long)slotCount * length * shape.KeyHeads <= int.MaxValue, "a cache of so many positions with so many key heads cannot be numbered on a GPU");
        int rows = slotCount * length;
        Attention.ForwardCuda(
            stream, y, logSumExp: 0L, q, k: keys.Reshape(rows, columns), v: values.Reshape(rows, columns),
            AttentionPlaces.OfCache(slots, positions, slotCount, length), shape);
    }
}
