using Camels.Testing;

namespace Camels.Kernels.Tests.Emulated;

/// <summary>Tensors of an emulated device, drawn on the host and read back as bytes.</summary>
internal sealed unsafe class EmulatedTensors(Device device) : IDisposable
{
    private readonly List<DeviceMemory> _blocks = [];

    /// <summary>Memory that nothing has written.</summary>
    public Tensor New(DType dtype, params int[] extents)
    {
        DeviceMemory block = DeviceMemory.Allocate(device, new Shape(extents).Elements * dtype.Bytes());
        _blocks.Add(block);
        return block.View(0, dtype, extents);
    }

    public Tensor Zero(DType dtype, params int[] extents)
    {
        Tensor tensor = New(dtype, extents);
        HostTransfer.Zero(device.Stream, tensor);
        return tensor;
    }

    public Tensor Of(params int[] values)
    {
        Tensor tensor = New(DType.I32, values.Length);
        HostTransfer.ToDevice<int>(device.Stream, tensor, values);
        return tensor;
    }

    /// <summary>Normal random numbers, rounded to <paramref name="dtype"/>.</summary>
    public Tensor Normal(int seed, DType dtype, params int[] extents)
    {
        Tensor tensor = New(dtype, extents);
        Random random = new(seed);
        byte[] bytes = new byte[tensor.Bytes];
        fixed (byte* address = bytes)
        {
            Tensor onHost = new((nint)address, dtype, tensor.Shape);
            for (long i = 0; i < onHost.Elements; i++)
            {
                Numbers.Write(onHost, i, Numbers.Normal(random));
            }
        }

        HostTransfer.BytesToDevice(device.Stream, tensor, offsetBytes: 0, bytes);
        return tensor;
    }

    public byte[] Bytes(Tensor tensor)
    {
        byte[] bytes = new byte[tensor.Bytes];
        HostTransfer.BytesToHost(device.Stream, tensor, offsetBytes: 0, bytes);
        return bytes;
    }

    public float[] Singles(Tensor tensor)
    {
        float[] values = new float[tensor.Elements];
        HostTransfer.ToHost<float>(device.Stream, tensor, values);
        return values;
    }

    public void Dispose() => _blocks.ForEach(block => block.Dispose());
}
