namespace Camels.Kernels;

/// <summary>
/// Lends memory for a while: a stack over one block that is sized before the first step. <see cref="Mark"/> and <see cref="Rewind"/>
/// return everything lent in between. On a planning device it only counts, and <see cref="PeakBytes"/> is the size to allocate.
/// </summary>
public sealed class Arena : IDisposable
{
    private readonly Device _device;
    private readonly DeviceMemory _memory;
    private readonly long _capacityBytes;
    private readonly string _name;
    private long _usedBytes;

    private Arena(Device device, DeviceMemory memory, long capacityBytes, string name)
    {
        _device = device;
        _memory = memory;
        _capacityBytes = capacityBytes;
        _name = name;
    }

    /// <summary>The most bytes ever lent at once.</summary>
    public long PeakBytes { get; private set; }

    /// <summary>Tests set it: every tensor lent starts as NaN, so that reading what nobody wrote shows.</summary>
    public bool Poisoned { get; set; }

    /// <summary>An arena of <paramref name="bytes"/> on <paramref name="device"/>; <paramref name="name"/> is for messages.</summary>
    public static Arena Allocate(Device device, long bytes, string name) =>
        new(device, DeviceMemory.AllocateUninitialised(device, bytes), bytes, name);

    /// <summary>An arena without memory or limit, on a planning device.</summary>
    public static Arena Measure(Device planning, string name) =>
        new(planning, DeviceMemory.Allocate(planning, bytes: 0), long.MaxValue, name);

    /// <summary>Lends an uninitialised tensor until the arena is rewound behind it.</summary>
    public Tensor New(DType dtype, params ReadOnlySpan<int> extents)
    {
        Shape shape = new(extents);
        long bytes = checked(shape.Elements * dtype.Bytes());
        long start = _usedBytes;
        long end = start + ((bytes + DeviceMemory.AlignmentBytes - 1) & ~(long)(DeviceMemory.AlignmentBytes - 1));
        if (end > _capacityBytes)
        {
            throw new InsufficientMemoryException(
                $"the arena '{_name}' of {_capacityBytes:N0} bytes has {_capacityBytes - start:N0} left, {dtype} {shape} needs {bytes:N0}: "
                + "the memory plan did not foresee this pass");
        }

        _usedBytes = end;
        PeakBytes = Math.Max(PeakBytes, end);
        Tensor tensor = new(_memory.Address + (nint)start, dtype, shape);
        if (Poisoned)
        {
            HostTransfer.Fill(_device.Stream, tensor, value: 0xFF);
        }

        return tensor;
    }

    /// <summary>The present height of the stack.</summary>
    public long Mark() => _usedBytes;

    /// <summary>Takes back everything lent since <paramref name="mark"/>.</summary>
    public void Rewind(long mark)
    {
        if (mark < 0 || mark > _usedBytes)
        {
            throw new ArgumentOutOfRangeException(nameof(mark), $"mark {mark} of the arena '{_name}' at {_usedBytes}");
        }

        _usedBytes = mark;
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();
}
