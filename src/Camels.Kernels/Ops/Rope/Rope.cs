namespace Camels.Kernels.Ops;

/// <summary>
/// Rotary positions (Su et al., "RoFormer"): in each head of width D the pairs (i, i + R/2) of the first R columns are rotated by the angle
/// of the row's position and i; columns R … D − 1 are copied.
/// </summary>
public static partial class Rope
{
    /// <summary>
    /// Writes y (N, heads * D) from x of the same shape, positions (N), cosines and sines (T, R/2) with R ≤ D = headWidth. y may be x.
    /// A position outside 0 … T − 1 is refused.
    /// </summary>
    public static void Forward(DeviceStream stream, Tensor y, Tensor x, Tensor positions, Tensor cosines, Tensor sines, int headWidth) =>
        Rotate(stream, y, x, positions, cosines, sines, headWidth, direction: 1);

    /// <summary>Writes dx from dy, rotated by the opposite angles. dx may be dy.</summary>
    public static void Backward(DeviceStream stream, Tensor dx, Tensor dy, Tensor positions, Tensor cosines, Tensor sines, int headWidth) =>
        Rotate(stream, dx, dy, positions, cosines, sines, headWidth, direction: -1);

    private static void Rotate(
        DeviceStream stream, Tensor y, Tensor x, Tensor positions, Tensor cosines, Tensor sines, int headWidth, int direction)
    {
        (int rows, int columns) = x.Rank2();
        (int positionCount, int pairs) = cosines.Rank2();
        y.Require(x.DType, [rows, columns]);
        positions.Require(DType.I32, [rows]);
        cosines.Require(DTypes.StatisticsOf(x.DType), [positionCount, pairs]);
        sines.Require(DTypes.StatisticsOf(x.DType), [positionCount, pairs]);
        TensorChecks.RequireThat(headWidth > 0 && columns % headWidth == 0, "the columns of x must be whole heads of headWidth");
        TensorChecks.RequireThat(2 * pairs <= headWidth, "cosines and sines must have at most headWidth / 2 columns");
        RequirePositions(stream, positions, positionCount);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: RotateReference<double>(y, x, positions, cosines, sines, headWidth, direction); break;
            case DeviceKind.Plain: RotateReference<float>(y, x, positions, cosines, sines, headWidth, direction); break;
            case DeviceKind.Cpu: RotateCpu(stream, y, x, positions, cosines, sines, headWidth, direction); break;
            case DeviceKind.Planning: break;
            default: RotateCuda(stream, y, x, positions, cosines, sines, headWidth, direction); break;
        }
    }

    private static void RequirePositions(DeviceStream stream, Tensor positions, int positionCount)
    {
        if (!stream.Device.IsHost)
        {
            return;
        }

        ReadOnlySpan<int> values = positions.AsSpan<int>();
        for (int n = 0; n < values.Length; n++)
        {
            if ((uint)values[n] >= (uint)positionCount)
            {
                throw new ArgumentException($"positions[{n}] is {values[n]}, outside the {positionCount} positions of the tables");
            }
        }
    }
}
