namespace Camels.Kernels.Ops;

public static partial class Sgd
{
    private static readonly KernelSet _update = new("sgd", "sgd_update");

    private static void UpdateCuda(DeviceStream stream, Tensor weight, Tensor master, Tensor gradient, in SgdSettings settings) =>
        stream.Launch(
            _update[weight.DType], CudaParts.OfElements(weight.Elements, DType.F32), weight, master, gradient, weight.Elements,
            (float)settings.GradientScale, (float)settings.GradientLimit, (float)(1 - (settings.LearningRate * settings.WeightDecay)),
            (float)settings.LearningRate);
}
