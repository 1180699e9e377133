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
        if (stream.Device.IsHost)
        {
            source.CopyTo(new Span<T>((void*)tensor.Address, source.Length));
            return;
        }

        fixed (T* elements = source)
        {
            stream.Staging?.ToDevice(tensor.Address, (byte*)elements, (long)source.Length * sizeof(T));
        }
    }

    /// <summary>Waits for the stream and copies the start of <paramref name="tensor"/> to <paramref name="destination"/>.</summary>
    public static void ToHost<T>(DeviceStream stream, Tensor tensor, Span<T> destination)
        where T : unmanaged
    {
        RequireFits<T>(tensor, destination.Length);
        if (stream.Device.IsHost)
        {
            new ReadOnlySpan<T>((void*)tensor.Address, destination.Length).CopyTo(destination);
            return;
        }

        fixed (T* elements = destination)
        {
            stream.Staging?.ToHost((byte*)elements, tensor.Address, (long)destination.Length * sizeof(T));
        }
    }

    /// <summary>Copies one tensor to another of the same type and count.</summary>
    public static void Copy(DeviceStream stream, Tensor destination, Tensor source)
    {
        if (stream.Device.IsHost)
        {
            destination.CopyFrom(source);
            return;
        }

        RequireSame(destination, source);
        stream.Cuda?.Copy(destination.Address, source.Address, source.Bytes);
    }

    /// <summary>Sets every element to zero.</summary>
    public static void Zero(DeviceStream stream, Tensor tensor)
    {
        Fill(stream, tensor, value: 0);
    }

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

    private static void RequireSame(Tensor destination, Tensor source)
    {
        if (source.DType != destination.DType || source.Elements != destination.Elements)
        {
            throw new ArgumentException($"{source} cannot be copied to {destination}");
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
