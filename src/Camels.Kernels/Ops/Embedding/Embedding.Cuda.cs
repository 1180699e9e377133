namespace Camels.Kernels.Ops;

public static partial class Embedding
{
    private static void ForwardCuda(
        DeviceStream stream, Tensor y, Tensor ids, Tensor weight) =>
        throw CudaDevice.NoKernel("Embedding.Forward");

    private static void BackwardCuda(
        DeviceStream stream, Tensor dWeightSum, Tensor dy, Tensor ids, Tensor order, Tensor laneBounds, int lanes) =>
        throw CudaDevice.NoKernel("Embedding.Backward");
}
