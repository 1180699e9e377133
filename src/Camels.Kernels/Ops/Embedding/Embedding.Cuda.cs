using System.Numerics;

namespace Camels.Kernels.Ops;

public static partial class Embedding
{
    private const int CopyThreads = 256;
    private const int SumThreads = 128;
    private const int BytesPerPiece = 16;

    private static readonly KernelSet _forward = new("embedding", "embedding_forward");
    private static readonly KernelSet _backward = new("embedding", "embedding_backward");

    private static void ForwardCuda(DeviceStream stream, Tensor y, Tensor ids, Tensor weight)
    {
        (int rows, int channels) = y.Rank2();
        stream.Launch(
            _forward[y.DType], CudaParts.OfRows(stream, rows, CopyThreads), y, ids, weight, rows, channels, weight.Shape[0]);
    }

    private static void BackwardCuda(
        DeviceStream stream, Tensor dWeightSum, Tensor dy, Tensor ids, Tensor order, Tensor laneBounds, int lanes)
    {
        (int rows, int channels) = dy.Rank2();
        int levels = BitOperations.Log2((uint)lanes);
        int columnsOfWarp = CudaParts.WarpThreads * BytesPerPiece / dy.DType.Bytes();
        LaunchSize size = LaunchSize.Covering((long)rows * CudaParts.WarpThreads, SumThreads) with
        {
            Y = (channels + columnsOfWarp - 1) / columnsOfWarp,
            SharedBytes = levels * (SumThreads / CudaParts.WarpThreads) * columnsOfWarp * sizeof(float),
        };
        stream.Launch(_backward[dy.DType], size, dWeightSum, dy, ids, order, laneBounds, rows, channels, dWeightSum.Shape[0], levels);
    }
}
