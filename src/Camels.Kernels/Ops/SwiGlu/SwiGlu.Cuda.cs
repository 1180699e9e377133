namespace Camels.Kernels.Ops;

public static partial class SwiGlu
{
    private static readonly KernelSet _forward = new("swi_glu", "swi_glu_forward");
    private static readonly KernelSet _backward = new("swi_glu", "swi_glu_backward");

    private static void ForwardCuda(DeviceStream stream, Tensor hidden, Tensor gated, Tensor raised) => stream.Launch(
        _forward[gated.DType], CudaParts.OfElements(gated.Elements, gated.DType), hidden, gated, raised, gated.Elements);

    private static void BackwardCuda(DeviceStream stream, Tensor dGated, Tensor dRaised, Tensor dHidden, Tensor gated, Tensor raised) =>
        stream.Launch(
            _backward[gated.DType], CudaParts.OfElements(gated.Elements, gated.DType), dGated, dRaised, dHidden, gated, raised,
            gated.Elements);
}
