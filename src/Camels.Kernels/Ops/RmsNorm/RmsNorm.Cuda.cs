namespace Camels.Kernels.Ops;

public static partial class RmsNorm
{
    /// <summary>The most channels of which a block keeps a row in registers.</summary>
    private const int MostChannels = 8192;

    private const int SharedBytesForward = 2 * CudaParts.WarpThreads * sizeof(float);
    private const int SharedBytesBackward = 2 * SharedBytesForward;

    private static readonly KernelSet _forward = new("rms_norm", "rms_norm_forward");
    private static readonly KernelSet _forwardWide = new("rms_norm", "rms_norm_forward_wide");
    private static readonly KernelSet _backward = new("rms_norm", "rms_norm_backward");
    private static readonly KernelSet _backwardWide = new("rms_norm", "rms_norm_backward_wide");
    private static readonly KernelSet _sumsWide = new("rms_norm", "rms_norm_sums_wide");

    private static void ForwardCuda(DeviceStream stream, Tensor y, Tensor rstd, Tensor x, Tensor weight, float eps)
    {
        (int rows, int channels) = x.Rank2();
        bool isWide = channels > MostChannels;
        int threads = isWide ? CudaParts.WideThreads : CudaParts.RowThreads(channels);
        stream.Launch(
            (isWide ? _forwardWide : _forward)[x.DType], CudaParts.OfRows(stream, rows, threads, SharedBytesForward), y, rstd, x, weight, rows, channels, eps);
    }

    private static void BackwardCuda(
        DeviceStream stream, Tensor dx, Tensor dWeightSum, Tensor dy, Tensor x, Tensor weight, Tensor rstd, Tensor laneBounds)
    {
        (int rows, int channels) = x.Rank2();
        bool isWide = channels > MostChannels;
        CudaLaneSums sums = new(stream, laneBounds, channels, vectors: 1);
        for (int group = 0; group < sums.Groups; group++)
        {
            if (isWide)
            {
                stream.Launch(
                    _sumsWide[x.DType], sums.OfWideSlices(), sums.Slices(vector: 0), dy, x, rstd, sums.BoundsOf(group), sums.LanesOfGroup, channels);
            }
            else
            {
                stream.Launch(
                    _backward[x.DType], sums.OfSlices(CudaParts.RowThreads(channels), SharedBytesBackward), dx, sums.Slices(vector: 0), dy, x, weight, rstd,
                    sums.BoundsOf(group), sums.LanesOfGroup, channels);
            }

            sums.Finish(group, vector: 0, dWeightSum);
        }

        if (isWide)
        {
            stream.Launch(
                _backwardWide[x.DType], CudaParts.OfRows(stream, rows, CudaParts.WideThreads, SharedBytesBackward), dx, dy, x, weight, rstd, rows, channels);
        }
    }
}
