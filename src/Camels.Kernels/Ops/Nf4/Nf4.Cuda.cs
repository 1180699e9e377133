namespace Camels.Kernels.Ops;

public static partial class Nf4
{
    // Of native/cuda/nf4.cu.
    private const int Threads = 256;
    private const int ElementsPerQuantizingThread = 8;
    private const int ValueBytes = 16 * sizeof(float);
    private const int QuantizeScalesBytes = 2176;

    private static readonly KernelSet _quantize = new("nf4", "nf4_quantize");
    private static readonly KernelSet _dequantize = new("nf4", "nf4_dequantize");
    private static readonly Kernel _sumScales = new("nf4", "nf4_sum_scales_f32");
    private static readonly Kernel _quantizeScales = new("nf4", "nf4_quantize_scales_f32");
    private static readonly Kernel _dequantizeScales = new("nf4", "nf4_dequantize_scales_f32");

    private static void QuantizeCuda(DeviceStream stream, Tensor codes, Tensor absmax, Tensor x) => stream.Launch(
        _quantize[x.DType], LaunchSize.Covering(x.Elements, Threads, ElementsPerQuantizingThread), codes, absmax, x, x.Elements);

    private static void DequantizeCuda(DeviceStream stream, Tensor y, Tensor codes, Tensor absmax) => stream.Launch(
        _dequantize[y.DType], CudaParts.OfElements(y.Elements, y.DType) with { SharedBytes = ValueBytes }, y, codes, absmax, y.Elements);

    private static void QuantizeScalesCuda(DeviceStream stream, Tensor scales, Tensor nestedScales, Tensor offset, Tensor absmax)
    {
        CudaParts.RequireSingles(absmax);
        int blocks = absmax.Shape[0];
        int nestedBlocks = NestedBlocks(blocks);
        TensorChecks.RequireThat(
            (long)nestedBlocks * sizeof(double) <= stream.ScratchBytes, $"absmax has {blocks:N0} blocks, more than fit the stream's memory for sums");
        Tensor sums = new(stream.Scratch, DType.F64, new Shape(nestedBlocks));
        stream.Launch(_sumScales, LaunchSize.Covering(nestedBlocks, Threads), sums, absmax, blocks, nestedBlocks);
        stream.Launch(
            _quantizeScales, new LaunchSize(nestedBlocks, Threads, SharedBytes: QuantizeScalesBytes), scales, nestedScales, offset, absmax, sums, blocks,
            nestedBlocks);
    }

    private static void DequantizeScalesCuda(DeviceStream stream, Tensor absmax, Tensor scales, Tensor nestedScales, Tensor offset)
    {
        CudaParts.RequireSingles(absmax);
        int blocks = absmax.Shape[0];
        stream.Launch(_dequantizeScales, new LaunchSize(NestedBlocks(blocks), Threads), absmax, scales, nestedScales, offset, blocks);
    }
}
