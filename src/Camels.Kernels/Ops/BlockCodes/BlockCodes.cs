namespace Camels.Kernels.Ops;

/// <summary>
/// Numbers in one byte each, x[i] ≈ value[codes[i]] · scales[i / 2048]: block-wise dynamic quantisation (Dettmers, Lewis, Shleifer and Zettlemoyer,
/// "8-bit Optimizers via Block-wise Quantization"). A block's scale is its largest absolute value; the 256 values (<see cref="DynamicCodes"/>) are
/// dense near it and reach down to 5·10⁻⁷ of it, or without sign 3·10⁻⁷.
/// </summary>
public static partial class BlockCodes
{
    /// <summary>Elements of one block; divides <see cref="SumOfSquares.BlockElements"/>, at whose multiples ranks cut tensors.</summary>
    public const int BlockElements = 2048;

    /// <summary>Blocks of a tensor of <paramref name="elements"/>.</summary>
    public static int Blocks(long elements) => checked((int)((elements + BlockElements - 1) / BlockElements));

    /// <summary>Writes codes (U8, the shape of x) and scales (blocks) from x, in the statistics' type as scales.</summary>
    /// <param name="stream">Where it runs.</param>
    /// <param name="codes">The nearest value of each element; the lower of two that are equally near. What is above zero never becomes zero where there is no sign.</param>
    /// <param name="scales">The largest absolute value of each block.</param>
    /// <param name="x">Finite numbers; without sign none is negative.</param>
    /// <param name="isSigned">Whether the values have a sign, or twice the resolution.</param>
    public static void Encode(DeviceStream stream, Tensor codes, Tensor scales, Tensor x, bool isSigned)
    {
        Check(codes, scales, x);
        DynamicCodes table = DynamicCodes.Of(isSigned);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: EncodeReference<double>(codes, scales, x, table, x.Elements); break;
            case DeviceKind.Plain: EncodeReference<float>(codes, scales, x, table, x.Elements); break;
            case DeviceKind.Cpu: EncodeCpu(stream, codes, scales, x, table); break;
            case DeviceKind.Planning: break;
            default: EncodeCuda(stream, codes, scales, x, isSigned); break;
        }
    }

    /// <summary>Writes x from codes and scales.</summary>
    public static void Decode(DeviceStream stream, Tensor x, Tensor codes, Tensor scales, bool isSigned)
    {
        Check(codes, scales, x);
        DynamicCodes table = DynamicCodes.Of(isSigned);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: DecodeReference<double>(x, codes, scales, table, x.Elements); break;
            case DeviceKind.Plain: DecodeReference<float>(x, codes, scales, table, x.Elements); break;
            case DeviceKind.Cpu: DecodeCpu(stream, x, codes, scales, table); break;
            case DeviceKind.Planning: break;
            default: DecodeCuda(stream, x, codes, scales, isSigned); break;
        }
    }

    private static void Check(Tensor codes, Tensor scales, Tensor x)
    {
        x.RequireLike(DTypes.StatisticsOf(x.DType), x);
        codes.RequireLike(DType.U8, x);
        scales.Require(x.DType, [Blocks(x.Elements)]);
    }
}
