using Camels.Kernels;

namespace Camels.Engine.Layers;

/// <summary>Copies of few numbers between the host and tensors of the wide type, F32 or F64.</summary>
public static class HostNumbers
{
    /// <summary>Copies doubles to the start of <paramref name="tensor"/>, rounded to its type.</summary>
    public static void ToDevice(DeviceStream stream, Tensor tensor, ReadOnlySpan<double> source)
    {
        if (tensor.DType == DType.F64)
        {
            HostTransfer.ToDevice(stream, tensor, source);
            return;
        }

        float[] narrow = new float[source.Length];
        for (int i = 0; i < narrow.Length; i++)
        {
            narrow[i] = (float)source[i];
        }

        HostTransfer.ToDevice<float>(stream, tensor, narrow);
    }

    /// <summary>Copies the start of <paramref name="tensor"/> to singles.</summary>
    public static void ToHost(DeviceStream stream, Tensor tensor, Span<float> destination)
    {
        if (tensor.DType == DType.F32)
        {
            HostTransfer.ToHost(stream, tensor, destination);
            return;
        }

        double[] wide = new double[destination.Length];
        HostTransfer.ToHost<double>(stream, tensor, wide);
        for (int i = 0; i < wide.Length; i++)
        {
            destination[i] = (float)wide[i];
        }
    }
}
