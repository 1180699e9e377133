namespace Camels.Kernels.Ops;

public static partial class Relu
{
    private static void ForwardCuda(
        DeviceStream stream, Tensor y, Tensor x) =>
        throw CudaDevice.NoKernel("Relu.Forward");

    private static void BackwardCuda(
        DeviceStream stream, Tensor dx, Tensor dy, Tensor x) =>
        throw CudaDevice.NoKernel("Relu.Backward");
}
