namespace Camels.Kernels.Ops;

public static partial class Attention
{
    private static void ForwardCuda(
        DeviceStream stream, Tensor y, Tensor logSumExp, Tensor q, Tensor k, Tensor v, Tensor documentBounds, AttentionShape shape) =>
        throw CudaDevice.NoKernel("Attention.Forward");

    private static void BackwardCuda(
        DeviceStream stream, Tensor dq, Tensor dk, Tensor dv, Tensor dy, Tensor q, Tensor k, Tensor v, Tensor y, Tensor logSumExp,
        Tensor delta, Tensor documentBounds, AttentionShape shape) =>
        throw CudaDevice.NoKernel("Attention.Backward");
}
