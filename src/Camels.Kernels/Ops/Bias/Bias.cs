namespace Camels.Kernels.Ops;

/// <summary>
/// The gradient of a bias that every row has been given. The bias itself is added by <see cref="MatMul"/> (<see cref="Epilogue"/>), and its
/// gradient arrives unchanged at what it was added to.
/// </summary>
public static partial class Bias
{
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
            default: BackwardCuda(stream, dBiasSum, dy, laneBounds); break;
        }
    }
}
