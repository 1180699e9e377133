namespace Camels.Kernels.Ops;

public static partial class AdamW
{
    private static readonly KernelSet _update = new("adam_w", "adam_w_update");
    private static readonly KernelSet _updateRounded = new("adam_w", "adam_w_update_rounded");
    private static readonly KernelSet _updateCodes = new("adam_w", "adam_w_update_codes");

    private static void UpdateCuda(
        DeviceStream stream, Tensor weight, Tensor master, Tensor firstMoment, Tensor secondMoment, Tensor gradient,
        in AdamWSettings settings)
    {
        AdamWConstants a = new(settings);
        stream.Launch(
            _update[weight.DType], CudaParts.OfElements(weight.Elements, DType.F32), weight, master, firstMoment, secondMoment, gradient,
            weight.Elements, a.Scale, a.Beta1, a.Rest1, a.Beta2, a.Rest2, a.Keep, a.Rate, a.Root, a.Epsilon);
    }

    private static void UpdateNarrowCuda(
        DeviceStream stream, Tensor weight, Tensor master, in NarrowMoments moments, Tensor gradient, uint seed, in AdamWSettings settings)
    {
        AdamWConstants a = new(settings);
        if (moments.First.DType == DType.BF16)
        {
            stream.Launch(
                _updateRounded[weight.DType], CudaParts.OfElements(weight.Elements, DType.F32), weight, master, moments.First, moments.Second, gradient,
                weight.Elements, unchecked((int)seed), a.Scale, a.Beta1, a.Rest1, a.Beta2, a.Rest2, a.Keep, a.Rate, a.Root, a.Epsilon);
        }
        else
        {
            stream.Launch(
                _updateCodes[weight.DType], BlockCodes.SizeCuda(weight.Elements, tables: 2), weight, master, moments.First, moments.Second,
                moments.FirstScales, moments.SecondScales, gradient, weight.Elements, a.Scale, a.Beta1, a.Rest1, a.Beta2, a.Rest2, a.Keep, a.Rate,
                a.Root, a.Epsilon);
        }
    }
}
