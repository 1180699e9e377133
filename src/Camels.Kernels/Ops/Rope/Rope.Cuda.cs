namespace Camels.Kernels.Ops;

public static partial class Rope
{
    private const int MostThreads = 256;
    private const int BytesPerPiece = 16;

    private static readonly KernelSet _rotate = new("rope", "rope_rotate");

    private static void RotateCuda(
        DeviceStream stream, Tensor y, Tensor x, Tensor positions, Tensor cosines, Tensor sines, int headWidth, int direction)
    {
        (int rows, int columns) = x.Rank2();
        (int positionCount, int pairs) = cosines.Rank2();
        int pairsOfPiece = BytesPerPiece / x.DType.Bytes();
        int pieces = Math.Max(1, (pairs + pairsOfPiece - 1) / pairsOfPiece);
        TensorChecks.RequireThat(pieces <= MostThreads, $"a GPU rotates at most {MostThreads * pairsOfPiece} pairs of {x.DType}, not {pairs}");
        int headsAtOnce = Math.Clamp(columns / headWidth, 1, MostThreads / pieces);
        stream.Launch(
            _rotate[x.DType], CudaParts.OfRows(stream, rows, pieces * headsAtOnce), y, x, positions, cosines, sines, rows, columns, headWidth,
            pairs, positionCount, headsAtOnce, (float)direction);
    }
}
