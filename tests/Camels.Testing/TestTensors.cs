using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Camels.Kernels;

namespace Camels.Testing;

/// <summary>Tensors of any device for a test that is no <see cref="OpCase"/>, made from numbers and released together.</summary>
public sealed unsafe class TestTensors(Device device) : IDisposable
{
    private readonly List<DeviceMemory> _blocks = [];

    public Device Device { get; } = device;

    public DeviceStream Stream { get; } = device.Stream;

    /// <summary>Opens a device by the name that theories give: "cpu", "reference" or "emulated".</summary>
    public static Device Open(string name) => name switch
    {
        "cpu" => Device.OpenCpu(threads: 2),
        "reference" => Device.OpenReference(),
        "emulated" => Device.OpenEmulated(),
        _ => throw new ArgumentException($"no device {name}"),
    };

    /// <summary>Zeroed elements.</summary>
    public Tensor New(DType dtype, params int[] extents) => New(dtype, skippedElements: 0, extents);

    /// <summary>Zeroed elements that start so many elements behind an address that is a multiple of 256.</summary>
    public Tensor New(DType dtype, int skippedElements, int[] extents)
    {
        DeviceMemory block = DeviceMemory.Allocate(Device, (new Shape(extents).Elements + skippedElements) * dtype.Bytes());
        _blocks.Add(block);
        Tensor tensor = block.View((long)skippedElements * dtype.Bytes(), dtype, extents);
        HostTransfer.Zero(Stream, tensor);
        return tensor;
    }

    /// <summary>A vector of <paramref name="values"/>.</summary>
    public Tensor Of(params float[] values) => Of(DType.F32, values);

    /// <summary>A vector of <paramref name="values"/>.</summary>
    public Tensor Of(params int[] values) => Of(DType.I32, values);

    /// <summary>A vector of elements as they are stored.</summary>
    public Tensor Of<T>(DType dtype, T[] values)
        where T : unmanaged
    {
        Tensor tensor = New(dtype, values.Length);
        HostTransfer.BytesToDevice(Stream, tensor, offsetBytes: 0, MemoryMarshal.AsBytes<T>(values));
        return tensor;
    }

    /// <summary>Normal random numbers, rounded to <paramref name="dtype"/>.</summary>
    public Tensor Normal(Random random, DType dtype, params int[] extents) => Normal(random, dtype, skippedElements: 0, extents);

    /// <summary>The same from so many elements behind a multiple of 256 bytes.</summary>
    public Tensor Normal(Random random, DType dtype, int skippedElements, int[] extents)
    {
        Tensor tensor = New(dtype, skippedElements, extents);
        byte[] bytes = new byte[tensor.Bytes];
        fixed (byte* start = bytes)
        {
            Tensor host = new((nint)start, dtype, tensor.Shape);
            for (long i = 0; i < tensor.Elements; i++)
            {
                Numbers.Write(host, i, Numbers.Normal(random));
            }
        }

        HostTransfer.BytesToDevice(Stream, tensor, offsetBytes: 0, bytes);
        return tensor;
    }

    /// <summary>Sets every byte.</summary>
    public void Fill(Tensor tensor, byte value) => HostTransfer.Fill(Stream, tensor, value);

    /// <summary>The elements as they are stored.</summary>
    public T[] Read<T>(Tensor tensor)
        where T : unmanaged
    {
        T[] values = new T[tensor.Bytes / Unsafe.SizeOf<T>()];
        HostTransfer.BytesToHost(Stream, tensor, offsetBytes: 0, MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    /// <summary>The elements as numbers.</summary>
    public double[] Values(Tensor tensor)
    {
        fixed (byte* start = Read<byte>(tensor))
        {
            return Numbers.Read(new Tensor((nint)start, tensor.DType, tensor.Shape));
        }
    }

    public void Dispose() => _blocks.ForEach(block => block.Dispose());
}
