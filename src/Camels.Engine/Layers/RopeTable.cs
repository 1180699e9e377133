using Camels.Engine.Parameters;
using Camels.Kernels;

namespace Camels.Engine.Layers;

/// <summary>
/// Cosines and sines of every position's rotation angles, computed once in double precision: angle(t, i) = t / base^(2i / R)
/// (Su et al., "RoFormer").
/// </summary>
public sealed class RopeTable : IDisposable
{
    private readonly DeviceMemory _memory;

    /// <param name="stream">Where it is used.</param>
    /// <param name="precision">Its type is the wide type.</param>
    /// <param name="positions">Number of positions, T.</param>
    /// <param name="rotatedWidth">Rotated channels of a head, R; even.</param>
    /// <param name="theta">The base.</param>
    public RopeTable(DeviceStream stream, Precision precision, int positions, int rotatedWidth, double theta)
    {
        int pairs = rotatedWidth / 2;
        long bytes = (long)positions * pairs * precision.Wide.Bytes();
        _memory = DeviceMemory.Allocate(stream.Device, 2 * bytes);
        Cosines = _memory.View(offsetBytes: 0, precision.Wide, positions, pairs);
        Sines = _memory.View(bytes, precision.Wide, positions, pairs);
        Fill(stream, Cosines, theta, Math.Cos);
        Fill(stream, Sines, theta, Math.Sin);
    }

    /// <summary>Cosines (T, R/2).</summary>
    public Tensor Cosines { get; }

    /// <summary>Sines (T, R/2).</summary>
    public Tensor Sines { get; }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    private static void Fill(DeviceStream stream, Tensor table, double theta, Func<double, double> function)
    {
        (int positions, int pairs) = table.Rank2();
        double[] values = new double[(long)positions * pairs];
        for (int t = 0; t < positions; t++)
        {
            for (int i = 0; i < pairs; i++)
            {
                values[((long)t * pairs) + i] = function(t * Math.Pow(theta, -(double)i / pairs));
            }
        }

        if (table.DType == DType.F64)
        {
            HostTransfer.ToDevice<double>(stream, table, values);
            return;
        }

        HostTransfer.ToDevice<float>(stream, table, Array.ConvertAll(values, v => (float)v));
    }
}
