namespace Camels.Kernels.Ops;

/// <summary>The sum of x² over each block of <see cref="BlockElements"/> elements, the last block being what is left.</summary>
public static partial class SumOfSquares
{
    /// <summary>Elements of one block; ranks cut tensors at its multiples.</summary>
    public const int BlockElements = 4096;

    /// <summary>Blocks of a tensor of <paramref name="elements"/>.</summary>
    public static int Blocks(long elements) => checked((int)((elements + BlockElements - 1) / BlockElements));

    /// <summary>Writes blockSums (blocks) from x of any shape; both in the statistics' type.</summary>
    public static void Forward(DeviceStream stream, Tensor blockSums, Tensor x)
    {
        int blocks = Blocks(x.Elements);
        x.RequireLike(DTypes.StatisticsOf(x.DType), x);
        blockSums.Require(x.DType, [blocks]);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: ForwardReference<double>(blockSums, x, blocks, x.Elements); break;
            case DeviceKind.Plain: ForwardReference<float>(blockSums, x, blocks, x.Elements); break;
            case DeviceKind.Cpu: ForwardCpu(stream, blockSums, x, blocks); break;
            case DeviceKind.Planning: break;
            default: ForwardCuda(stream, blockSums, x, blocks); break;
        }
    }
}
