namespace Camels.Kernels.Ops;

public static partial class RmsNorm
{
    private static void ForwardCuda(
        DeviceStream stream, Tensor y, Tensor rstd, Tensor x, Tensor weight, float eps) =>
        throw CudaDevice.NoKernel("RmsNorm.Forward");

    private static void BackwardCuda(
        DeviceStream stream, Tensor dx, Tensor dWeightSum, Tensor dy, Tensor x, Tensor weight, Tensor rstd, Tensor laneBounds) =>
        throw CudaDevice.NoKernel("RmsNorm.Backward");
}
