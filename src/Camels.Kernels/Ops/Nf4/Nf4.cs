namespace Camels.Kernels.Ops;

/// <summary>
/// Four-bit normal floats (Dettmers et al., "QLoRA"): blocks of 64 elements in row-major order, each element code[i] · absmax of its block.
/// Element 2i is the high half of byte i; a missing last one is code 7, zero. The absmax values themselves become 8 bits in blocks of 256:
/// absmax = dynamic[i] · nestedScales of its block + offset, their mean.
/// </summary>
public static partial class Nf4
{
    /// <summary>Elements that share an absmax.</summary>
    public const int BlockElements = 64;

    /// <summary>Absmax values that share a nested scale.</summary>
    public const int NestedBlockElements = 256;

    private const int ZeroCode = 7;

    private static readonly DynamicCodes _dynamic = DynamicCodes.Of(isSigned: true);

    /// <summary>Bytes of codes for so many elements.</summary>
    public static int CodeBytes(long elements) => checked((int)((elements + 1) / 2));

    /// <summary>Blocks of so many elements.</summary>
    public static int Blocks(long elements) => checked((int)((elements + BlockElements - 1) / BlockElements));

    /// <summary>Nested scales of so many blocks.</summary>
    public static int NestedBlocks(int blocks) => (blocks + NestedBlockElements - 1) / NestedBlockElements;

    /// <summary>Writes codes (U8) and absmax (blocks, statistics' type) from x: each element times 1 / absmax takes the code whose interval holds it.</summary>
    public static void Quantize(DeviceStream stream, Tensor codes, Tensor absmax, Tensor x)
    {
        Check(codes, absmax, x);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: QuantizeReference<double>(codes, absmax, x, x.Elements); break;
            case DeviceKind.Plain: QuantizeReference<float>(codes, absmax, x, x.Elements); break;
            case DeviceKind.Cpu: QuantizeCpu(stream, codes, absmax, x); break;
            case DeviceKind.Planning: break;
            default: QuantizeCuda(stream, codes, absmax, x); break;
        }
    }

    /// <summary>Writes y from codes and absmax.</summary>
    public static void Dequantize(DeviceStream stream, Tensor y, Tensor codes, Tensor absmax)
    {
        Check(codes, absmax, y);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: DequantizeReference<double>(y, codes, absmax, y.Elements); break;
            case DeviceKind.Plain: DequantizeReference<float>(y, codes, absmax, y.Elements); break;
            case DeviceKind.Cpu: DequantizeCpu(stream, y, codes, absmax); break;
            case DeviceKind.Planning: break;
            default: DequantizeCuda(stream, y, codes, absmax); break;
        }
    }

    /// <summary>Writes scales (U8), nestedScales and offset (1) from absmax: what is left after the mean, in units of its block's largest.</summary>
    public static void QuantizeScales(DeviceStream stream, Tensor scales, Tensor nestedScales, Tensor offset, Tensor absmax)
    {
        CheckScales(scales, nestedScales, offset, absmax);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: QuantizeScalesReference<double>(scales, nestedScales, offset, absmax); break;
            case DeviceKind.Plain or DeviceKind.Cpu: QuantizeScalesReference<float>(scales, nestedScales, offset, absmax); break;
            case DeviceKind.Planning: break;
            default: QuantizeScalesCuda(stream, scales, nestedScales, offset, absmax); break;
        }
    }

    /// <summary>Writes absmax from scales, nestedScales and offset.</summary>
    public static void DequantizeScales(DeviceStream stream, Tensor absmax, Tensor scales, Tensor nestedScales, Tensor offset)
    {
        CheckScales(scales, nestedScales, offset, absmax);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: DequantizeScalesReference<double>(absmax, scales, nestedScales, offset); break;
            case DeviceKind.Plain or DeviceKind.Cpu: DequantizeScalesReference<float>(absmax, scales, nestedScales, offset); break;
            case DeviceKind.Planning: break;
            default: DequantizeScalesCuda(stream, absmax, scales, nestedScales, offset); break;
        }
    }

    private static void Check(Tensor codes, Tensor absmax, Tensor x)
    {
        int codeBytes = CodeBytes(x.Elements);
        int blocks = Blocks(x.Elements);
        codes.Require(DType.U8, [codeBytes]);
        absmax.Require(DTypes.StatisticsOf(x.DType), [blocks]);
    }

    private static void CheckScales(Tensor scales, Tensor nestedScales, Tensor offset, Tensor absmax)
    {
        int blocks = absmax.Rank1();
        int nestedBlocks = NestedBlocks(blocks);
        scales.Require(DType.U8, [blocks]);
        nestedScales.Require(absmax.DType, [nestedBlocks]);
        offset.Require(absmax.DType, [1]);
        TensorChecks.RequireThat(absmax.DType.IsFloat(), "absmax must hold real numbers");
    }
}
