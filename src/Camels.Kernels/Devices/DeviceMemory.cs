using System.Runtime.InteropServices;

namespace Camels.Kernels;

/// <summary>A block of a device's memory, aligned to 256 bytes and zeroed. Counts what is alive, so that tests can assert that nothing is allocated.</summary>
public sealed unsafe class DeviceMemory : SafeHandle
{
    /// <summary>Alignment of every block and of every tensor in an arena.</summary>
    public const int AlignmentBytes = 256;

    private static long _liveBytes;
    private static long _allocations;

    private DeviceMemory(nint block, long bytes)
        : base(invalidHandleValue: 0, ownsHandle: true)
    {
        SetHandle(block);
        Address = (block + AlignmentBytes - 1) & ~(nint)(AlignmentBytes - 1);
        Bytes = bytes;
    }

    /// <summary>Bytes alive over all devices.</summary>
    public static long LiveBytes => Interlocked.Read(ref _liveBytes);

    /// <summary>Blocks allocated since the process started.</summary>
    public static long Allocations => Interlocked.Read(ref _allocations);

    /// <summary>Size of the block.</summary>
    public long Bytes { get; }

    /// <summary>Address of the first byte.</summary>
    public nint Address { get; }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>Allocates zeroed memory. On a planning device nothing is allocated and the address must not be used.</summary>
    public static DeviceMemory Allocate(Device device, long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        if (device.Kind == DeviceKind.Planning)
        {
            return new DeviceMemory(block: 0, bytes);
        }

        // Zeroed by the system when a page is first written, which for a large block is later than now, or never.
        void* block;
        try
        {
            block = NativeMemory.AllocZeroed((nuint)bytes + AlignmentBytes);
        }
        catch (OutOfMemoryException)
        {
            throw new InsufficientMemoryException($"{bytes:N0} bytes were asked of {device.Name} and are not to be had");
        }

        _ = Interlocked.Add(ref _liveBytes, bytes);
        _ = Interlocked.Increment(ref _allocations);
        return new DeviceMemory((nint)block, bytes);
    }

    /// <summary>The block seen as one tensor, from byte <paramref name="offsetBytes"/> on.</summary>
    public Tensor View(long offsetBytes, DType dtype, params ReadOnlySpan<int> extents)
    {
        Tensor tensor = new(Address + (nint)offsetBytes, dtype, new Shape(extents));
        return offsetBytes >= 0 && offsetBytes + tensor.Bytes <= Bytes
            ? tensor
            : throw new ArgumentOutOfRangeException(nameof(offsetBytes), $"{tensor} at byte {offsetBytes} of a block of {Bytes} bytes");
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        NativeMemory.Free((void*)handle);
        _ = Interlocked.Add(ref _liveBytes, -Bytes);
        return true;
    }
}
