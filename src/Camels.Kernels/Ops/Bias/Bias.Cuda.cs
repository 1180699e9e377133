namespace Camels.Kernels.Ops;

public static partial class Bias
{
    private static void ForwardCuda(
        DeviceStream stream, Tensor y, Tensor x, Tensor bias) =>
        throw CudaDevice.NoKernel("Bias.Forward");

    private static void BackwardCuda(
        DeviceStream stream, Tensor dBiasSum, Tensor dy, Tensor laneBounds, int lanes) =>
        throw CudaDevice.NoKernel("Bias.Backward");
}
