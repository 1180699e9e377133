namespace Camels.Kernels.Ops;

public static partial class AdamW
{
    private static readonly KernelSet _update = new("adam_w", "adam_w_update");

    private static void UpdateCuda(
        DeviceStream stream, Tensor weight, Tensor master, Tensor firstMoment, Tensor secondMoment, Tensor gradient,
        in AdamWSettings settings) =>
        stream.Launch(
            _update[weight.DType], CudaParts.OfElements(weight.Elements, DType.F32), weight, master, firstMoment, secondMoment, gradient,
            weight.Elements, (float)settings.GradientScale, (float)settings.Beta1, (float)(1 - settings.Beta1), (float)settings.Beta2,
            (float)(1 - settings.Beta2), (float)(1 - (settings.LearningRate * settings.WeightDecay)),
            (float)(settings.LearningRate / settings.Correction1), (float)settings.RootOfCorrection2, (float)settings.Epsilon);
}
