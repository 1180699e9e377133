namespace Camels.Kernels.Ops;

public static partial class Cast
{
    private static readonly KernelSet _fromF32 = new("cast", "cast_forward_f32_to");
    private static readonly KernelSet _fromBF16 = new("cast", "cast_forward_bf16_to");
    private static readonly KernelSet _fromF16 = new("cast", "cast_forward_f16_to");

    private static readonly Kernel _stochastic = new("cast", "cast_stochastic_bf16");

    private static void ForwardCuda(DeviceStream stream, Tensor y, Tensor x)
    {
        KernelSet kernels = x.DType switch
        {
            DType.F32 => _fromF32,
            DType.BF16 => _fromBF16,
            DType.F16 => _fromF16,
            _ => throw new ArgumentException($"x is {x}: a GPU casts F32, BF16 and F16"),
        };

        // Pieces are of four elements on both sides.
        stream.Launch(kernels[y.DType], CudaParts.OfElements(x.Elements, DType.F32), y, x, x.Elements);
    }

    private static void StochasticCuda(DeviceStream stream, Tensor y, Tensor x, uint seed) =>
        stream.Launch(_stochastic, CudaParts.OfElements(x.Elements, DType.F32), y, x, x.Elements, unchecked((int)seed));
}
