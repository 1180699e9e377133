namespace Camels.Kernels.Ops;

public static partial class RmsNorm
{
    /// <summary>The most channels that one block of the kernels takes.</summary>
    private const int MostChannels = 8192;

    private const int SharedBytes = 2 * CudaParts.WarpThreads * sizeof(float);

    private static readonly KernelSet _forward = new("rms_norm", "rms_norm_forward");
    private static readonly KernelSet _backward = new("rms_norm", "rms_norm_backward");

    private static void ForwardCuda(DeviceStream stream, Tensor y, Tensor rstd, Tensor x, Tensor weight, float eps)
    {
        (int rows, int channels) = x.Rank2();
        CudaParts.RequireChannels(channels, MostChannels);
        stream.Launch(_forward[x.DType], CudaParts.OfRows(stream, rows, CudaParts.RowThreads(channels), SharedBytes), y, rstd, x, weight, rows, channels, eps);
    }

    private static void BackwardCuda(
        DeviceStream stream, Tensor dx, Tensor dWeightSum, Tensor dy, Tensor x, Tensor weight, Tensor rstd, Tensor laneBounds)
    {
        int channels = x.Shape[1];
        CudaParts.RequireChannels(channels, MostChannels);
        CudaLaneSums sums = new(stream, laneBounds, channels, vectors: 1);
        for (int group = 0; group < sums.Groups; group++)
        {
            stream.Launch(
                _backward[x.DType], sums.OfSlices(CudaParts.RowThreads(channels), SharedBytes), dx, sums.Slices(vector: 0), dy, x, weight, rstd,
                sums.BoundsOf(group), sums.LanesOfGroup, channels);
            sums.Finish(group, vector: 0, dWeightSum);
        }
    }
}
