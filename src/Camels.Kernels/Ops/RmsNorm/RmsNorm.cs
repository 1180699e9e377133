namespace Camels.Kernels.Ops;

/// <summary>
/// y = x * rstd * weight, rstd = 1 / sqrt(mean(x^2) + eps), for each row of x (Zhang and Sennrich, "Root Mean Square Layer Normalization").
/// </summary>
public static partial class RmsNorm
{
    /// <summary>Writes y (N, C) and rstd (N) from x (N, C) and weight (C). y may be x.</summary>
    public static void Forward(DeviceStream stream, Tensor y, Tensor rstd, Tensor x, Tensor weight, float eps)
    {
        (int rows, int channels) = x.Rank2();
        y.Require(x.DType, [rows, channels]);
        rstd.Require(DTypes.StatisticsOf(x.DType), [rows]);
        weight.Require(x.DType, [channels]);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: ForwardReference<double>(y, rstd, x, weight, rows, channels, eps); break;
            case DeviceKind.Plain: ForwardReference<float>(y, rstd, x, weight, rows, channels, eps); break;
            case DeviceKind.Cpu: ForwardCpu(stream, y, rstd, x, weight, eps); break;
            case DeviceKind.Planning: break;
            default: ForwardCuda(stream, y, rstd, x, weight, eps); break;
        }
    }

    /// <summary>
    /// Writes dx (N, C) and adds to dWeightSum (C); laneBounds (lanes + 1) are the first rows of the lanes and N. dx may be dy.
    /// </summary>
    public static void Backward(
        DeviceStream stream, Tensor dx, Tensor dWeightSum, Tensor dy, Tensor x, Tensor weight, Tensor rstd, Tensor laneBounds)
    {
        (int rows, int channels) = x.Rank2();
        dx.Require(x.DType, [rows, channels]);
        dWeightSum.Require(DTypes.StatisticsOf(x.DType), [channels]);
        dy.Require(x.DType, [rows, channels]);
        weight.Require(x.DType, [channels]);
        rstd.Require(DTypes.StatisticsOf(x.DType), [rows]);
        _ = laneBounds.RequireLaneBounds();

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: BackwardReference<double>(dx, dWeightSum, dy, x, weight, rstd, rows, channels); break;
            case DeviceKind.Plain: BackwardReference<float>(dx, dWeightSum, dy, x, weight, rstd, rows, channels); break;
            case DeviceKind.Cpu: BackwardCpu(stream, dx, dWeightSum, dy, x, weight, rstd, laneBounds); break;
            case DeviceKind.Planning: break;
            default: BackwardCuda(stream, dx, dWeightSum, dy, x, weight, rstd, laneBounds); break;
        }
    }
}
