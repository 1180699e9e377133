using Camels.Engine.Parameters;
using Camels.Kernels;

namespace Camels.Engine.Layers;

/// <summary>
/// Cosines and sines of every position's rotation angles, computed once in double precision: angle(t, i) = t · frequency(i) (Su et al.,
/// "RoFormer").
/// </summary>
public sealed class RopeTable : IDisposable
{
    /// <summary>Numbers computed at a time: contexts of a million tokens have tables of a hundred million.</summary>
    private const int ElementsAtOnce = 1 << 20;

    private readonly DeviceMemory _memory;
    private readonly double[] _frequencies;

    /// <summary>Takes the memory; <see cref="Fill(DeviceStream)"/> writes it.</summary>
    /// <param name="device">Where it is used.</param>
    /// <param name="precision">Its type is the wide type.</param>
    /// <param name="positions">Number of positions, T.</param>
    /// <param name="frequencies">The angle of position 1 for each rotated pair of a head's channels, R/2 of them.</param>
    public RopeTable(Device device, Precision precision, int positions, double[] frequencies)
    {
        long bytes = (long)positions * frequencies.Length * precision.Wide.Bytes();
        _frequencies = frequencies;
        _memory = DeviceMemory.Allocate(device, 2 * bytes);
        Cosines = _memory.View(offsetBytes: 0, precision.Wide, positions, frequencies.Length);
        Sines = _memory.View(bytes, precision.Wide, positions, frequencies.Length);
    }

    /// <summary>Cosines (T, R/2).</summary>
    public Tensor Cosines { get; }

    /// <summary>Sines (T, R/2).</summary>
    public Tensor Sines { get; }

    /// <summary>Bytes on the device.</summary>
    public long Bytes => _memory.Bytes;

    /// <summary>Writes the table, where there is memory: a planning device has none.</summary>
    public void Fill(DeviceStream stream)
    {
        if (!Cosines.IsNone)
        {
            Fill(stream, Cosines, Math.Cos);
            Fill(stream, Sines, Math.Sin);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    private void Fill(DeviceStream stream, Tensor table, Func<double, double> function)
    {
        (int positions, int pairs) = table.Rank2();
        int rowsAtOnce = Math.Min(positions, Math.Max(1, ElementsAtOnce / Math.Max(1, pairs)));
        double[] values = new double[rowsAtOnce * pairs];
        for (int first = 0; first < positions; first += rowsAtOnce)
        {
            int start = first;
            int rows = Math.Min(rowsAtOnce, positions - first);
            _ = Parallel.For(0, rows, t =>
            {
                for (int i = 0; i < pairs; i++)
                {
                    values[(t * pairs) + i] = function((start + t) * _frequencies[i]);
                }
            });
            HostNumbers.ToDevice(stream, table.Rows(first, rows), values.AsSpan(0, rows * pairs));
        }
    }
}
