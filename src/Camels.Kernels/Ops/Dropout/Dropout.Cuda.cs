namespace Camels.Kernels.Ops;

public static partial class Dropout
{
    private static readonly KernelSet _forward = new("dropout", "dropout_forward");

    private static void ForwardCuda(DeviceStream stream, Tensor y, Tensor x, Tensor keys, ulong seed, uint threshold, float factor)
    {
        (int rows, int channels) = x.Rank2();
        int threads = CudaParts.PieceThreads(channels, x.DType);
        stream.Launch(
            _forward[x.DType], CudaParts.OfRows(stream, rows, threads), y, x, keys, rows, channels, unchecked((long)seed), unchecked((int)threshold), factor);
    }
}
