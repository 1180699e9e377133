namespace Camels.Kernels.Ops;

public static partial class Relu
{
    private static readonly KernelSet _forward = new("relu", "relu_forward");
    private static readonly KernelSet _backward = new("relu", "relu_backward");

    private static void ForwardCuda(DeviceStream stream, Tensor y, Tensor x) =>
        stream.Launch(_forward[x.DType], CudaParts.OfElements(x.Elements, x.DType), y, x, x.Elements);

    private static void BackwardCuda(DeviceStream stream, Tensor dx, Tensor dy, Tensor x) =>
        stream.Launch(_backward[x.DType], CudaParts.OfElements(x.Elements, x.DType), dx, dy, x, x.Elements);
}
