namespace Camels.Kernels.Ops;

public static partial class SumOfSquares
{
    private const int Threads = 256;

    private static readonly KernelSet _forward = new("sum_of_squares", "sum_of_squares_forward");

    private static void ForwardCuda(DeviceStream stream, Tensor blockSums, Tensor x, int blocks) => stream.Launch(
        _forward[x.DType], LaunchSize.Covering(blocks * (long)CudaParts.WarpThreads, Threads), blockSums, x, x.Elements, blocks);
}
