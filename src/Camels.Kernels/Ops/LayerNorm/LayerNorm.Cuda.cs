namespace Camels.Kernels.Ops;

public static partial class LayerNorm
{
    /// <summary>The most channels that one block of the kernels takes: the backward keeps two sums of each in registers.</summary>
    private const int MostChannelsForward = 8192;
    private const int MostChannelsBackward = 6144;

    private const int SharedBytesForward = 2 * CudaParts.WarpThreads * sizeof(float);
    private const int SharedBytesBackward = 2 * SharedBytesForward;

    private static readonly KernelSet _forward = new("layer_norm", "layer_norm_forward");
    private static readonly KernelSet _backward = new("layer_norm", "layer_norm_backward");

    private static void ForwardCuda(
        DeviceStream stream, Tensor y, Tensor mean, Tensor rstd, Tensor x, Tensor weight, Tensor bias, float eps)
    {
        (int rows, int channels) = x.Rank2();
        CudaParts.RequireChannels(channels, MostChannelsForward);
        stream.Launch(
            _forward[x.DType], CudaParts.OfRows(stream, rows, CudaParts.RowThreads(channels), SharedBytesForward), y, mean, rstd, x, weight, bias, rows, channels,
            eps);
    }

    private static void BackwardCuda(
        DeviceStream stream, Tensor dx, Tensor dWeightSum, Tensor dBiasSum, Tensor dy, Tensor x, Tensor weight, Tensor mean, Tensor rstd,
        Tensor laneBounds, int lanes)
    {
        int channels = x.Shape[1];
        CudaParts.RequireChannels(channels, MostChannelsBackward);
        CudaLaneSums sums = new(stream, laneBounds, channels, vectors: 2);
        for (int group = 0; group < sums.Groups; group++)
        {
            stream.Launch(
                _backward[x.DType], sums.OfSlices(CudaParts.RowThreads(channels), SharedBytesBackward), dx, sums.Slices(vector: 0),
                sums.Slices(vector: 1), dy, x, weight, mean, rstd, sums.BoundsOf(group), sums.LanesOfGroup, channels);
            sums.Finish(group, vector: 0, dWeightSum);
            sums.Finish(group, vector: 1, dBiasSum);
        }
    }
}
