namespace Camels.Kernels.Ops;

public static partial class SplitHeads
{
    private static void ForwardCuda(DeviceStream stream, Tensor q, Tensor k, Tensor v, Tensor fused, int headWidth) =>
        throw CudaDevice.NoKernel("SplitHeads.Forward");

    private static void BackwardCuda(DeviceStream stream, Tensor dFused, Tensor dq, Tensor dk, Tensor dv, int headWidth) =>
        throw CudaDevice.NoKernel("SplitHeads.Backward");
}
