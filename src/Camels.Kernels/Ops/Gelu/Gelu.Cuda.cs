namespace Camels.Kernels.Ops;

public static partial class Gelu
{
    private static readonly KernelSet _forward = new("gelu", "gelu_forward");
    private static readonly KernelSet _backward = new("gelu", "gelu_backward");

    private static void ForwardCuda(DeviceStream stream, Tensor y, Tensor x) =>
        stream.Launch(_forward[x.DType], CudaParts.OfElements(x.Elements, x.DType), y, x, x.Elements);

    private static void BackwardCuda(DeviceStream stream, Tensor dx, Tensor dy, Tensor x) =>
        stream.Launch(_backward[x.DType], CudaParts.OfElements(x.Elements, x.DType), dx, dy, x, x.Elements);
}
