namespace Camels.Kernels.Ops;

public static partial class Cast
{
    private static void ForwardCuda(
        DeviceStream stream, Tensor y, Tensor x) =>
        throw CudaDevice.NoKernel("Cast.Forward");
}
