namespace Camels.Kernels.Ops;

public static partial class AdamW
{
    private static void UpdateCuda(
        DeviceStream stream, Tensor weight, Tensor master, Tensor firstMoment, Tensor secondMoment, Tensor gradient,
        in AdamWSettings settings) =>
        throw CudaDevice.NoKernel("AdamW.Update");
}
