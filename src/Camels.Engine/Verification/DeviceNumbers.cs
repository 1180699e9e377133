using System.Runtime.InteropServices;
using Camels.Engine.Checkpoints;
using Camels.Kernels;

namespace Camels.Engine.Verification;

/// <summary>Tensors of any device and any floating type as doubles, for comparisons.</summary>
internal static class DeviceNumbers
{
    /// <summary>Waits for the stream and copies all elements.</summary>
    public static double[] Read(DeviceStream stream, Tensor tensor)
    {
        byte[] bytes = new byte[tensor.Bytes];
        HostTransfer.BytesToHost(stream, tensor, offsetBytes: 0, bytes);
        double[] values = new double[tensor.Elements];
        ElementConversion.Convert(tensor.DType, bytes, DType.F64, MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }
}
