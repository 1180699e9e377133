using Camels.Engine.Parameters;
using Camels.Kernels;

namespace Camels.Engine.Layers;

/// <summary>
/// Cosines and sines of every position's rotation angles, computed once in double precision: angle(t, i) = t · frequency(i) (Su et al.,
/// "RoFormer").
/// </summary>
public sealed class RopeTable : IDisposable
{
    private readonly DeviceMemory _memory;

    /// <param name="stream">Where it is used.</param>
    /// <param name="precision">Its type is the wide type.</param>
    /// <param name="positions">Number of positions, T.</param>
    /// <param name="frequencies">The angle of position 1 for each rotated pair of a head's channels, R/2 of them.</param>
    public RopeTable(DeviceStream stream, Precision precision, int positions, double[] frequencies)
    {
        long bytes = (long)positions * frequencies.Length * precision.Wide.Bytes();
        _memory = DeviceMemory.Allocate(stream.Device, 2 * bytes);
        Cosines = _memory.View(offsetBytes: 0, precision.Wide, positions, frequencies.Length);
        Sines = _memory.View(bytes, precision.Wide, positions, frequencies.Length);
        if (!Cosines.IsNone)     // on a planning device there is nothing to fill
        {
            Fill(stream, Cosines, frequencies, Math.Cos);
            Fill(stream, Sines, frequencies, Math.Sin);
        }
    }

    /// <summary>Cosines (T, R/2).</summary>
    public Tensor Cosines { get; }

    /// <summary>Sines (T, R/2).</summary>
    public Tensor Sines { get; }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    private static void Fill(DeviceStream stream, Tensor table, double[] frequencies, Func<double, double> function)
    {
        (int positions, int pairs) = table.Rank2();
        double[] values = new double[(long)positions * pairs];
        for (int t = 0; t < positions; t++)
        {
            for (int i = 0; i < pairs; i++)
            {
                values[((long)t * pairs) + i] = function(t * frequencies[i]);
            }
        }

        HostNumbers.ToDevice(stream, table, values);
    }
}
