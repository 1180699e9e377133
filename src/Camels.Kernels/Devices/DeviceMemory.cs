using System.Runtime.InteropServices;
using Camels.Kernels.Interop;

namespace Camels.Kernels;

/// <summary>A block of a device's memory, aligned to 256 bytes and zeroed. Counts what is alive, so that tests can assert that nothing is allocated.</summary>
public sealed unsafe class DeviceMemory : SafeHandle
{
    /// <summary>Alignment of every block and of every tensor in an arena.</summary>
    public const int AlignmentBytes = 256;

    private const long LargeBytes = 8 << 20;        // some large pages

    private static long _liveBytes;
    private static long _allocations;

    private readonly CudaMemory? _cuda;

    private DeviceMemory(nint block, long bytes, CudaMemory? cuda = null)
        : base(invalidHandleValue: 0, ownsHandle: true)
    {
        _cuda = cuda;
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
    /// <exception cref="InsufficientMemoryException">The device has not so much.</exception>
    public static DeviceMemory Allocate(Device device, long bytes)
    {
        DeviceMemory memory = AllocateUninitialised(device, bytes);
        if (memory._cuda is not null && bytes > 0)
        {
            device.Stream.Cuda!.Fill(memory.Address, value: 0, bytes);
            device.Stream.Synchronize();        // other streams may read it at once
        }

        return memory;
    }

    /// <summary>Allocates memory with unknown content, for what is written before it is read.</summary>
    /// <exception cref="InsufficientMemoryException">The device has not so much.</exception>
    public static DeviceMemory AllocateUninitialised(Device device, long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        if (device.Kind == DeviceKind.Planning)
        {
            return new DeviceMemory(block: 0, bytes);
        }

        CudaMemory? cuda = device.Cuda is null ? null : new CudaMemory(device.Cuda.Context, bytes);
        nint block = cuda is null ? HostBlock(device, bytes) : cuda.Raw;
        _ = Interlocked.Add(ref _liveBytes, bytes);
        _ = Interlocked.Increment(ref _allocations);
        return new DeviceMemory(block, bytes, cuda);
    }

    private static nint HostBlock(Device device, long bytes)
    {
        // Zeroed by the system when a page is first written, which for a large block is later than now, or never.
        try
        {
            nint block = (nint)NativeMemory.AllocZeroed((nuint)bytes + AlignmentBytes);
            if (bytes >= LargeBytes)
            {
                HostPages.PreferLarge(block, bytes);
            }

            return block;
        }
        catch (OutOfMemoryException)
        {
            throw new InsufficientMemoryException($"{bytes:N0} bytes were asked of {device.Name} and are not to be had");
        }
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
        if (_cuda is null)
        {
            NativeMemory.Free((void*)handle);
        }

        _cuda?.Dispose();
        _ = Interlocked.Add(ref _liveBytes, -Bytes);
        return true;
    }
}
