using System.Runtime.CompilerServices;

namespace Camels.Kernels;

/// <summary>
/// Copies between host spans and device tensors, in the order of the stream. A source may change as soon as the call returns; to a planning
/// device nothing is copied. None allocates.
/// </summary>
public static unsafe class HostTransfer
{
    /// <summary>Copies <paramref name="source"/> to the start of <paramref name="tensor"/>.</summary>
    public static void ToDevice<T>(DeviceStream stream, Tensor tensor, ReadOnlySpan<T> source)
        where T : unmanaged
    {
        RequireFits<T>(tensor, source.Length);
        fixed (T* elements = source)
        {
            ToDevice(stream, tensor.Address, (byte*)elements, (long)source.Length * sizeof(T));
        }
    }

    /// <summary>Waits for the stream and copies the start of <paramref name="tensor"/> to <paramref name="destination"/>.</summary>
    public static void ToHost<T>(DeviceStream stream, Tensor tensor, Span<T> destination)
        where T : unmanaged
    {
        RequireFits<T>(tensor, destination.Length);
        fixed (T* elements = destination)
        {
            ToHost(stream, (byte*)elements, tensor.Address, (long)destination.Length * sizeof(T));
        }
    }

    /// <summary>Copies bytes into <paramref name="tensor"/> from byte <paramref name="offsetBytes"/> on.</summary>
    public static void BytesToDevice(DeviceStream stream, Tensor tensor, long offsetBytes, ReadOnlySpan<byte> source)
    {
        RequireInside(tensor, offsetBytes, source.Length);
        fixed (byte* bytes = source)
        {
            ToDevice(stream, tensor.Address + (nint)offsetBytes, bytes, source.Length);
        }
    }

    /// <summary>Waits for the stream and copies bytes of <paramref name="tensor"/> from byte <paramref name="offsetBytes"/> on.</summary>
    public static void BytesToHost(DeviceStream stream, Tensor tensor, long offsetBytes, Span<byte> destination)
    {
        RequireInside(tensor, offsetBytes, destination.Length);
        fixed (byte* bytes = destination)
        {
            ToHost(stream, bytes, tensor.Address + (nint)offsetBytes, destination.Length);
        }
    }

    /// <summary>Copies one tensor to another of the same type and count.</summary>
    public static void Copy(DeviceStream stream, Tensor destination, Tensor source)
    {
        if (source.DType != destination.DType || source.Elements != destination.Elements)
        {
            throw new ArgumentException($"{source} cannot be copied to {destination}");
        }

        if (stream.Device.IsHost)
        {
            destination.CopyFrom(source);
        }
        else if (source.Bytes > 0)
        {
            stream.Cuda?.Copy(destination.Address, source.Address, source.Bytes);
        }
    }

    /// <summary>Sets every element to zero.</summary>
    public static void Zero(DeviceStream stream, Tensor tensor) => Fill(stream, tensor, value: 0);

    /// <summary>Sets every byte to <paramref name="value"/>.</summary>
    public static void Fill(DeviceStream stream, Tensor tensor, byte value)
    {
        if (stream.Device.IsHost)
        {
            tensor.FillBytes(value);
        }
        else if (tensor.Bytes > 0)
        {
            stream.Cuda?.Fill(tensor.Address, value, tensor.Bytes);
        }
    }

    private static void ToDevice(DeviceStream stream, nint destination, byte* source, long bytes)
    {
        if (stream.Device.IsHost)
        {
            Buffer.MemoryCopy(source, (void*)destination, bytes, bytes);
        }
        else
        {
            stream.Staging?.ToDevice(destination, source, bytes);
        }
    }

    private static void ToHost(DeviceStream stream, byte* destination, nint source, long bytes)
    {
        if (stream.Device.IsHost)
        {
            Buffer.MemoryCopy((void*)source, destination, bytes, bytes);
        }
        else
        {
            stream.Staging?.ToHost(destination, source, bytes);
        }
    }

    private static void RequireFits<T>(Tensor tensor, int count)
    {
        if (tensor.DType.Bytes() != Unsafe.SizeOf<T>() || count > tensor.Elements)
        {
            throw new ArgumentException($"{count} elements of {typeof(T).Name} do not fit {tensor}");
        }
    }

    private static void RequireInside(Tensor tensor, long offsetBytes, int count)
    {
        if (offsetBytes < 0 || count > tensor.Bytes - offsetBytes)
        {
            throw new ArgumentOutOfRangeException(nameof(offsetBytes), $"{count} bytes from byte {offsetBytes} of {tensor}");
        }
    }
}
