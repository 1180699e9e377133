namespace Camels.Kernels.Ops;

public static partial class Transpose
{
    private const int Threads = 256;
    private const int TileBytes = 128;

    private static readonly KernelSet _forward = new("transpose", "transpose_forward");

    private static void ForwardCuda(DeviceStream stream, Tensor y, Tensor x)
    {
        (int rows, int columns) = x.Rank2();
        int side = TileBytes / x.DType.Bytes();
        LaunchSize size = new((columns + side - 1) / side, Threads, Y: (rows + side - 1) / side, SharedBytes: side * (TileBytes + sizeof(int)));
        stream.Launch(_forward[x.DType], size, y, x, rows, columns);
    }
}
