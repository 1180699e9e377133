namespace Camels.Kernels.Ops;

/// <summary>
/// y = (x − mean) * rstd * weight + bias, rstd = 1 / sqrt(mean((x − mean)²) + eps), for each row of x (Ba, Kiros and Hinton,
/// "Layer Normalization").
/// </summary>
public static partial class LayerNorm
{
    /// <summary>Writes y (N, C), mean (N) and rstd (N) from x (N, C), weight and bias (C). y may be x.</summary>
    public static void Forward(
        DeviceStream stream, Tensor y, Tensor mean, Tensor rstd, Tensor x, Tensor weight, Tensor bias, float eps)
    {
        (int rows, int channels) = x.Rank2();
        DType statistics = DTypes.StatisticsOf(x.DType);
        y.Require(x.DType, [rows, channels]);
        mean.Require(statistics, [rows]);
        rstd.Require(statistics, [rows]);
        weight.Require(x.DType, [channels]);
        bias.Require(x.DType, [channels]);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: ForwardReference<double>(y, mean, rstd, x, weight, bias, rows, channels, eps); break;
            case DeviceKind.Plain: ForwardReference<float>(y, mean, rstd, x, weight, bias, rows, channels, eps); break;
            case DeviceKind.Cpu: ForwardCpu(stream, y, mean, rstd, x, weight, bias, eps); break;
            case DeviceKind.Planning: break;
            default: ForwardCuda(stream, y, mean, rstd, x, weight, bias, eps); break;
        }
    }

    /// <summary>
    /// Writes dx (N, C), adds to dWeightSum and dBiasSum (C); laneBounds (lanes + 1) are the first rows of the lanes and N. dx may be dy.
    /// </summary>
    public static void Backward(
        DeviceStream stream, Tensor dx, Tensor dWeightSum, Tensor dBiasSum, Tensor dy, Tensor x, Tensor weight, Tensor mean, Tensor rstd,
        Tensor laneBounds)
    {
        (int rows, int channels) = x.Rank2();
        DType statistics = DTypes.StatisticsOf(x.DType);
        dx.Require(x.DType, [rows, channels]);
        dWeightSum.Require(statistics, [channels]);
        dBiasSum.Require(statistics, [channels]);
        dy.Require(x.DType, [rows, channels]);
        weight.Require(x.DType, [channels]);
        mean.Require(statistics, [rows]);
        rstd.Require(statistics, [rows]);
        int lanes = laneBounds.RequireLaneBounds();

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: BackwardReference<double>(dx, dWeightSum, dBiasSum, dy, x, weight, mean, rstd); break;
            case DeviceKind.Plain: BackwardReference<float>(dx, dWeightSum, dBiasSum, dy, x, weight, mean, rstd); break;
            case DeviceKind.Cpu: BackwardCpu(stream, dx, dWeightSum, dBiasSum, dy, x, weight, mean, rstd, laneBounds, lanes); break;
            case DeviceKind.Planning: break;
            default: BackwardCuda(stream, dx, dWeightSum, dBiasSum, dy, x, weight, mean, rstd, laneBounds); break;
        }
    }
}
