namespace Camels.Kernels.Ops;

public static partial class SwiGlu
{
    private static void ForwardCuda(
        DeviceStream stream, Tensor hidden, Tensor gated, Tensor raised) =>
        throw CudaDevice.NoKernel("SwiGlu.Forward");

    private static void BackwardCuda(
        DeviceStream stream, Tensor dGated, Tensor dRaised, Tensor dHidden, Tensor gated, Tensor raised) =>
        throw CudaDevice.NoKernel("SwiGlu.Backward");
}
