using Camels.Kernels;

namespace Camels.Testing;

/// <summary>Tensors for a test that is no <see cref="OpCase"/>, made from numbers and released together.</summary>
public sealed class HostTensors(Device device) : IDisposable
{
    private readonly List<DeviceMemory> _blocks = [];

    /// <summary>Zeroed elements.</summary>
    public Tensor New(DType dtype, params int[] extents)
    {
        DeviceMemory block = DeviceMemory.Allocate(device, new Shape(extents).Elements * dtype.Bytes());
        _blocks.Add(block);
        return block.View(0, dtype, extents);
    }

    /// <summary>A vector of <paramref name="values"/>.</summary>
    public Tensor Of(params float[] values)
    {
        Tensor tensor = New(DType.F32, values.Length);
        values.CopyTo(tensor.AsSpan<float>());
        return tensor;
    }

    /// <summary>A vector of <paramref name="values"/>.</summary>
    public Tensor Of(params int[] values)
    {
        Tensor tensor = New(DType.I32, values.Length);
        values.CopyTo(tensor.AsSpan<int>());
        return tensor;
    }

    /// <summary>Normal random numbers, rounded to <paramref name="dtype"/>.</summary>
    public Tensor Normal(Random random, DType dtype, params int[] extents)
    {
        Tensor tensor = New(dtype, extents);
        for (long i = 0; i < tensor.Elements; i++)
        {
            Numbers.Write(tensor, i, Numbers.Normal(random));
        }

        return tensor;
    }

    public void Dispose() => _blocks.ForEach(block => block.Dispose());
}
