namespace Camels.Kernels.Ops;

public static partial class MatMul
{
    private static void ForwardCuda(
        DeviceStream stream, Tensor y, Tensor x, Tensor weight) =>
        throw CudaDevice.NoKernel("MatMul.Forward");

    private static void BackwardWeightCuda(
        DeviceStream stream, Tensor dWeightSum, Tensor dy, Tensor x, Tensor laneBounds) =>
        throw CudaDevice.NoKernel("MatMul.BackwardWeight");

    private static void BackwardInputCuda(
        DeviceStream stream, Tensor dx, Tensor dy, Tensor weight, bool sums) =>
        throw CudaDevice.NoKernel("MatMul.BackwardInput");
}
