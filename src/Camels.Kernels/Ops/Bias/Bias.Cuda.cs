namespace Camels.Kernels.Ops;

public static partial class Bias
{
    /// <summary>A block takes at most 4,096 columns; others take the next ones.</summary>
    private const int MostThreads = 256;

    private static readonly KernelSet _backward = new("bias", "bias_backward");

    private static void BackwardCuda(DeviceStream stream, Tensor dBiasSum, Tensor dy, Tensor laneBounds)
    {
        int channels = dy.Shape[1];
        CudaLaneSums sums = new(stream, laneBounds, channels, vectors: 1);
        int threads = Threads(channels);
        for (int group = 0; group < sums.Groups; group++)
        {
            stream.Launch(
                _backward[dy.DType], sums.OfSlices(threads) with { Y = CudaParts.ColumnTiles(channels, threads) }, sums.Slices(vector: 0), dy,
                sums.BoundsOf(group), sums.LanesOfGroup, channels);
            sums.Finish(group, vector: 0, dBiasSum);
        }
    }

    private static int Threads(int channels) => Math.Min(MostThreads, CudaParts.RowThreads(channels));
}
