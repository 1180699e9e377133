namespace Camels.Kernels.Ops;

/// <summary>
/// y = x · weightᵀ, the product of every linear layer, with its two gradients. On its way to memory y may pass an <see cref="Epilogue"/>.
/// <para>
/// Order of the sums: every element of y, dx and dxSum is one chain over k = 0 … K − 1, accumulator = accumulator + a(k) · b(k) in single
/// precision, from 0 (from the old value for dxSum), rounded once to the output's type at the end. A product and its addition are one fused
/// operation on the avx512 and avx2 paths and two on the others. The chain knows nothing of other rows, columns or threads, so a row has
/// the same bits alone as in any batch. An element of the weight's gradient is such a chain over the rows of each lane, then a binary tree
/// over the lanes, then one addition to dWeightSum.
/// </para>
/// </summary>
public static partial class MatMul
{
    /// <summary>
    /// Writes y (N, O) = x (N, C) · weight (O, C)ᵀ, or residual + activation(bias + x · weightᵀ), rounded once. y has the type of x or, without an
    /// epilogue, of its statistics.
    /// </summary>
    public static void Forward(DeviceStream stream, Tensor y, Tensor x, Tensor weight, in Epilogue epilogue = default)
    {
        (int rows, int channels) = x.Rank2();
        (int outputs, _) = weight.Rank2();
        weight.Require(x.DType, [outputs, channels]);
        y.Require(y.DType == x.DType ? x.DType : DTypes.StatisticsOf(x.DType), [rows, outputs]);
        epilogue.Require(y, weight);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: ForwardReference<double>(y, x, weight, epilogue, rows, channels, outputs); break;
            case DeviceKind.Plain: ForwardReference<float>(y, x, weight, epilogue, rows, channels, outputs); break;
            case DeviceKind.Cpu: ForwardCpu(stream, y, x, weight, epilogue); break;
            case DeviceKind.Planning: break;
            default: ForwardCuda(stream, y, x, weight, epilogue); break;
        }
    }

    /// <summary>Writes dx (N, C) = dy (N, O) · weight (O, C).</summary>
    public static void BackwardInput(DeviceStream stream, Tensor dx, Tensor dy, Tensor weight) =>
        BackwardInput(stream, dx, dy, weight, sums: false);

    /// <summary>Adds dy (N, O) · weight (O, C) to dxSum (N, C), rounded once.</summary>
    public static void BackwardInputSum(DeviceStream stream, Tensor dxSum, Tensor dy, Tensor weight) =>
        BackwardInput(stream, dxSum, dy, weight, sums: true);

    /// <summary>
    /// Adds dy (N, O)ᵀ · x (N, C) to dWeightSum (O, C); laneBounds (lanes + 1) are the first rows of the lanes and N, lanes a power of two.
    /// </summary>
    public static void BackwardWeight(DeviceStream stream, Tensor dWeightSum, Tensor dy, Tensor x, Tensor laneBounds)
    {
        (int rows, int channels) = x.Rank2();
        (_, int outputs) = dy.Rank2();
        dy.Require(x.DType, [rows, outputs]);
        dWeightSum.Require(DTypes.StatisticsOf(x.DType), [outputs, channels]);
        laneBounds.Require(DType.I32, [laneBounds.Rank1()]);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: BackwardWeightReference<double>(dWeightSum, dy, x, rows, channels, outputs); break;
            case DeviceKind.Plain: BackwardWeightReference<float>(dWeightSum, dy, x, rows, channels, outputs); break;
            case DeviceKind.Cpu: BackwardWeightCpu(stream, dWeightSum, dy, x, laneBounds); break;
            case DeviceKind.Planning: break;
            default: BackwardWeightCuda(stream, dWeightSum, dy, x, laneBounds); break;
        }
    }

    private static void BackwardInput(DeviceStream stream, Tensor dx, Tensor dy, Tensor weight, bool sums)
    {
        (int rows, int outputs) = dy.Rank2();
        (_, int channels) = weight.Rank2();
        weight.Require(dy.DType, [outputs, channels]);
        dx.Require(dy.DType, [rows, channels]);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: BackwardInputReference<double>(dx, dy, weight, rows, channels, outputs, sums); break;
            case DeviceKind.Plain: BackwardInputReference<float>(dx, dy, weight, rows, channels, outputs, sums); break;
            case DeviceKind.Cpu: BackwardInputCpu(stream, dx, dy, weight, sums); break;
            case DeviceKind.Planning: break;
            default: BackwardInputCuda(stream, dx, dy, weight, sums); break;
        }
    }
}
