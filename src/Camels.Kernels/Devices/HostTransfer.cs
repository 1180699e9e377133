using System.Runtime.CompilerServices;

namespace Camels.Kernels;

/// <summary>Copies between host spans and device tensors, in the order of the stream.</summary>
public static unsafe class HostTransfer
{
    /// <summary>Copies <paramref name="source"/> to the start of <paramref name="tensor"/>.</summary>
    public static void ToDevice<T>(DeviceStream stream, Tensor tensor, ReadOnlySpan<T> source)
        where T : unmanaged
    {
        RequireFits<T>(tensor, source.Length);
        if (stream.Device.Kind != DeviceKind.Planning)
        {
            source.CopyTo(new Span<T>((void*)tensor.Address, source.Length));
        }
    }

    /// <summary>Waits for the stream and copies the start of <paramref name="tensor"/> to <paramref name="destination"/>.</summary>
    public static void ToHost<T>(DeviceStream stream, Tensor tensor, Span<T> destination)
        where T : unmanaged
    {
        RequireFits<T>(tensor, destination.Length);
        if (stream.Device.Kind != DeviceKind.Planning)
        {
            new ReadOnlySpan<T>((void*)tensor.Address, destination.Length).CopyTo(destination);
        }
    }

    /// <summary>Copies one tensor to another of the same type and count.</summary>
    public static void Copy(DeviceStream stream, Tensor destination, Tensor source)
    {
        if (stream.Device.Kind != DeviceKind.Planning)
        {
            destination.CopyFrom(source);
        }
    }

    /// <summary>Sets every element to zero.</summary>
    public static void Zero(DeviceStream stream, Tensor tensor)
    {
        if (stream.Device.Kind != DeviceKind.Planning)
        {
            tensor.FillBytes(0);
        }
    }

    private static void RequireFits<T>(Tensor tensor, int count)
    {
        if (tensor.DType.Bytes() != Unsafe.SizeOf<T>() || count > tensor.Elements)
        {
            throw new ArgumentException($"{count} elements of {typeof(T).Name} do not fit {tensor}");
        }
    }
}
