namespace Camels.Kernels.Ops;

public static partial class LayerNorm
{
    /// <summary>The most channels of which a block keeps a row in registers: the backward has two sums of each beside it.</summary>
    private const int MostChannelsForward = 8192;
    private const int MostChannelsBackward = 6144;

    private const int SharedBytesForward = 2 * CudaParts.WarpThreads * sizeof(float);
    private const int SharedBytesBackward = 2 * SharedBytesForward;

    private static readonly KernelSet _forward = new("layer_norm", "layer_norm_forward");
    private static readonly KernelSet _forwardWide = new("layer_norm", "layer_norm_forward_wide");
    private static readonly KernelSet _backward = new("layer_norm", "layer_norm_backward");
    private static readonly KernelSet _backwardWide = new("layer_norm", "layer_norm_backward_wide");
    private static readonly KernelSet _sumsWide = new("layer_norm", "layer_norm_sums_wide");

    private static void ForwardCuda(
        DeviceStream stream, Tensor y, Tensor mean, Tensor rstd, Tensor x, Tensor weight, Tensor bias, float eps)
    {
        (int rows, int channels) = x.Rank2();
        bool isWide = channels > MostChannelsForward;
        int threads = isWide ? CudaParts.WideThreads : CudaParts.RowThreads(channels);
        stream.Launch(
            (isWide ? _forwardWide : _forward)[x.DType], CudaParts.OfRows(stream, rows, threads, SharedBytesForward), y, mean, rstd, x, weight, bias, rows,
            channels, eps);
    }

    private static void BackwardCuda(
        DeviceStream stream, Tensor dx, Tensor dWeightSum, Tensor dBiasSum, Tensor dy, Tensor x, Tensor weight, Tensor mean, Tensor rstd,
        Tensor laneBounds)
    {
        (int rows, int channels) = x.Rank2();
        bool isWide = channels > MostChannelsBackward;
        CudaLaneSums sums = new(stream, laneBounds, channels, vectors: 2);
        for (int group = 0; group < sums.Groups; group++)
        {
            if (isWide)
            {
                stream.Launch(
                    _sumsWide[x.DType], sums.OfWideSlices(), sums.Slices(vector: 0), sums.Slices(vector: 1), dy, x, mean, rstd, sums.BoundsOf(group),
                    sums.LanesOfGroup, channels);
            }
            else
            {
                stream.Launch(
                    _backward[x.DType], sums.OfSlices(CudaParts.RowThreads(channels), SharedBytesBackward), dx, sums.Slices(vector: 0),
                    sums.Slices(vector: 1), dy, x, weight, mean, rstd, sums.BoundsOf(group), sums.LanesOfGroup, channels);
            }

            sums.Finish(group, vector: 0, dWeightSum);
            sums.Finish(group, vector: 1, dBiasSum);
        }

        if (isWide)
        {
            stream.Launch(
                _backwardWide[x.DType], CudaParts.OfRows(stream, rows, CudaParts.WideThreads, SharedBytesBackward), dx, dy, x, weight, mean, rstd, rows,
                channels);
        }
    }
}
