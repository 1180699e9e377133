namespace Camels.Kernels.Ops;

public static partial class LayerNorm
{
    private static void ForwardCuda(
        DeviceStream stream, Tensor y, Tensor mean, Tensor rstd, Tensor x, Tensor weight, Tensor bias, float eps) =>
        throw CudaDevice.NoKernel("LayerNorm.Forward");

    private static void BackwardCuda(
        DeviceStream stream, Tensor dx, Tensor dWeightSum, Tensor dBiasSum, Tensor dy, Tensor x, Tensor weight, Tensor mean, Tensor rstd,
        Tensor laneBounds, int lanes) =>
        throw CudaDevice.NoKernel("LayerNorm.Backward");
}
