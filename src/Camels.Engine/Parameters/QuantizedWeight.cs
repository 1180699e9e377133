using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Parameters;

/// <summary>A matrix in NF4 with doubly quantised scales (Dettmers et al., "QLoRA"): 4.13 bits a weight.</summary>
/// <param name="Codes">Two elements a byte (U8).</param>
/// <param name="Scales">The largest magnitude of each block of 64, quantised (U8).</param>
/// <param name="NestedScales">The largest magnitude of each 256 of those, in the wide type.</param>
/// <param name="Offset">The mean of the scales (1), in the wide type.</param>
public readonly record struct QuantizedWeight(Tensor Codes, Tensor Scales, Tensor NestedScales, Tensor Offset)
{
    /// <summary>Takes memory for a matrix of <paramref name="elements"/>, zeroed.</summary>
    internal static QuantizedWeight Allocate(Func<long, DType, DeviceMemory> take, long elements, DType wide)
    {
        int blocks = Nf4.Blocks(elements);
        Tensor Of(DType dtype, int count) => take(count, dtype).View(offsetBytes: 0, dtype, count);
        return new QuantizedWeight(
            Of(DType.U8, Nf4.CodeBytes(elements)), Of(DType.U8, blocks), Of(wide, Nf4.NestedBlocks(blocks)), Of(wide, 1));
    }

    /// <summary>Writes the weight as real numbers to <paramref name="weight"/>; <paramref name="scales"/> (blocks) is room for its scales.</summary>
    public void Expand(DeviceStream stream, Tensor weight, Tensor scales)
    {
        Nf4.DequantizeScales(stream, absmax: scales, scales: Scales, nestedScales: NestedScales, offset: Offset);
        Nf4.Dequantize(stream, y: weight, codes: Codes, absmax: scales);
    }

    /// <summary>Quantises <paramref name="weight"/>; <paramref name="scales"/> (blocks) is room for its scales.</summary>
    public void Store(DeviceStream stream, Tensor weight, Tensor scales)
    {
        Nf4.Quantize(stream, codes: Codes, absmax: scales, x: weight);
        Nf4.QuantizeScales(stream, scales: Scales, nestedScales: NestedScales, offset: Offset, absmax: scales);
    }
}
