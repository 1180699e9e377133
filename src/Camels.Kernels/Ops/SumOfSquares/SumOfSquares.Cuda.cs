namespace Camels.Kernels.Ops;

public static partial class SumOfSquares
{
    private static void ForwardCuda(
        DeviceStream stream, Tensor blockSums, Tensor x, int blocks) =>
        throw CudaDevice.NoKernel("SumOfSquares.Forward");
}
