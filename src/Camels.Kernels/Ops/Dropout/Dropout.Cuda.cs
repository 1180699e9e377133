namespace Camels.Kernels.Ops;

public static partial class Dropout
{
    private static void ForwardCuda(DeviceStream stream, Tensor y, Tensor x, Tensor keys, ulong seed, uint threshold, float factor) =>
        throw CudaDevice.NoKernel("Dropout.Forward");
}
