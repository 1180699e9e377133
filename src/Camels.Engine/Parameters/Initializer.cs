using System.Collections.Concurrent;
using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Parameters;

/// <summary>Random initial weights: each element is a function of (seed, parameter name, index), the same on every device and rank.</summary>
public static class Initializer
{
    /// <summary>
    /// Fills a parameter with normal numbers of the given standard deviation, or with the one value where it is a vector (norm weights: 1);
    /// its master too, where that is kept apart.
    /// </summary>
    public static void Fill(DeviceStream stream, Parameter parameter, ulong seed, double standardDeviation)
    {
        float[] values = new float[parameter.Elements];
        ulong name = RandomBits.StreamOf(parameter.Name);
        _ = Parallel.ForEach(Partitioner.Create(0, values.Length), range =>
        {
            for (int i = range.Item1; i < range.Item2; i++)
            {
                values[i] = parameter.IsMatrix ? (float)(standardDeviation * RandomBits.Normal(seed, name, (ulong)i)) : 1;
            }
        });

        Load(stream, parameter.Weight, values);
        if (parameter.Master.DType != parameter.Weight.DType)
        {
            Load(stream, parameter.Master, values);
        }
    }

    /// <summary>Writes single-precision values into a tensor of any floating type, rounded once.</summary>
    public static void Load(DeviceStream stream, Tensor destination, ReadOnlySpan<float> values)
    {
        using DeviceMemory staging = DeviceMemory.Allocate(stream.Device, (long)values.Length * sizeof(float));
        Tensor staged = staging.View(offsetBytes: 0, DType.F32, destination.Shape.Rank == 2 ? [destination.Shape[0], destination.Shape[1]] : [values.Length]);
        HostTransfer.ToDevice(stream, staged, values);
        Cast.Forward(stream, y: destination, x: staged);
        stream.Synchronize();       // the staging memory is still being read
    }
}
