namespace Camels.Kernels.Ops;

public static partial class Gelu
{
    private static void ForwardCuda(
        DeviceStream stream, Tensor y, Tensor x) =>
        throw CudaDevice.NoKernel("Gelu.Forward");

    private static void BackwardCuda(
        DeviceStream stream, Tensor dx, Tensor dy, Tensor x) =>
        throw CudaDevice.NoKernel("Gelu.Backward");
}
