namespace Camels.Kernels.Ops;

/// <summary>y = x + bias, for each row of x. Its gradient arrives unchanged at x.</summary>
public static partial class Bias
{
    /// <summary>Writes y (N, C) from x (N, C) and bias (C). y may be x.</summary>
    public static void Forward(DeviceStream stream, Tensor y, Tensor x, Tensor bias)
    {
        (int rows, int channels) = x.Rank2();
        y.Require(x.DType, [rows, channels]);
        bias.Require(x.DType, [channels]);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: ForwardReference<double>(y, x, bias, rows, channels); break;
            case DeviceKind.Plain: ForwardReference<float>(y, x, bias, rows, channels); break;
            case DeviceKind.Cpu: ForwardCpu(stream, y, x, bias); break;
            case DeviceKind.Planning: break;
            default: ForwardCuda(stream, y, x, bias); break;
        }
    }

    /// <summary>Adds to dBiasSum (C) the sum over the rows of dy (N, C); laneBounds (lanes + 1) are the first rows of the lanes and N.</summary>
    public static void Backward(DeviceStream stream, Tensor dBiasSum, Tensor dy, Tensor laneBounds)
    {
        (int rows, int channels) = dy.Rank2();
        dBiasSum.Require(DTypes.StatisticsOf(dy.DType), [channels]);
        int lanes = laneBounds.RequireLaneBounds();

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: BackwardReference<double>(dBiasSum, dy, rows, channels); break;
            case DeviceKind.Plain: BackwardReference<float>(dBiasSum, dy, rows, channels); break;
            case DeviceKind.Cpu: BackwardCpu(stream, dBiasSum, dy, laneBounds, lanes); break;
            case DeviceKind.Planning: break;
            default: BackwardCuda(stream, dBiasSum, dy, laneBounds, lanes); break;
        }
    }
}
