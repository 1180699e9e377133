namespace Camels.Kernels.Ops;

public static partial class LossHead
{
    private static void ForwardCuda(
        DeviceStream stream, Tensor losses, Tensor x, Tensor weight, Tensor trainedRows, Tensor labels, Tensor workspace) =>
        throw CudaDevice.NoKernel("LossHead.Forward");

    private static void ForwardBackwardCuda(
        DeviceStream stream, Tensor losses, Tensor dx, Tensor dWeightSum, Tensor x, Tensor weight, Tensor trainedRows, Tensor labels,
        Tensor scales, Tensor trainedLaneBounds, Tensor workspace) =>
        throw CudaDevice.NoKernel("LossHead.ForwardBackward");
}
