namespace Camels.Kernels.Ops;

public static partial class CachedAttention
{
    private static void ForwardCuda(
        DeviceStream stream, Tensor y, Tensor q, Tensor keys, Tensor values, Tensor slots, Tensor positions, int length,
        AttentionShape shape) =>
        throw CudaDevice.NoKernel("CachedAttention.Forward");

    private static void AppendCuda(
        DeviceStream stream, Tensor keys, Tensor values, Tensor k, Tensor v, Tensor slots, Tensor positions) =>
        throw CudaDevice.NoKernel("CachedAttention.Append");
}
