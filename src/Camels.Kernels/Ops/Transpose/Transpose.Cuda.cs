namespace Camels.Kernels.Ops;

public static partial class Transpose
{
    private static void ForwardCuda(
        DeviceStream stream, Tensor y, Tensor x) =>
        throw CudaDevice.NoKernel("Transpose.Forward");
}
