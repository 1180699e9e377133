namespace Camels.Kernels.Ops;

public static partial class Rope
{
    private static void RotateCuda(
        DeviceStream stream, Tensor y, Tensor x, Tensor positions, Tensor cosines, Tensor sines, int headWidth, int direction) =>
        throw CudaDevice.NoKernel("Rope.Rotate");
}
