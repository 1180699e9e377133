using System.Runtime.InteropServices;

namespace Camels.Kernels;

/// <summary>One stretch of device memory.</summary>
internal sealed unsafe class PtxAllocation(ulong address, long bytes, byte* host)
{
    public ulong Address { get; } = address;

    public long Bytes { get; } = bytes;

    public byte* Host { get; } = host;

    public ulong End => Address + (ulong)Bytes;

    /// <summary>What is added to an address of the device to have that of the host.</summary>
    public nint Delta => (nint)((ulong)Host - Address);

    /// <summary>Who wrote and read what; made by the first launch that checks races.</summary>
    public PtxGlobalShadow? Shadow { get; set; }
}

/// <summary>
/// The global memory of an emulated device. Addresses are its own, handed out once and far apart, so that an access outside of every
/// allocation, or in one that was freed, is seen; fresh memory is NaN.
/// </summary>
public sealed unsafe class PtxMemory : IDisposable
{
    private const ulong FirstAddress = 0x7_0000_0000;
    private const ulong Granularity = 2 << 20;
    private const int AlignmentBytes = 256;

    private readonly Lock _lock = new();
    private readonly List<PtxAllocation> _freed = [];
    private PtxAllocation[] _allocations = [];
    private ulong _next = FirstAddress;

    /// <summary>Bytes alive.</summary>
    public long LiveBytes { get; private set; }

    /// <summary>Takes memory that reads as NaN until it is written.</summary>
    /// <returns>Its address, a multiple of 256.</returns>
    public ulong Allocate(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        byte* host = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, AlignmentBytes);
        new Span<byte>(host, (int)Math.Min(bytes, int.MaxValue)).Fill(0xFF);
        for (long start = int.MaxValue; start < bytes; start += int.MaxValue)
        {
            new Span<byte>(host + start, (int)Math.Min(bytes - start, int.MaxValue)).Fill(0xFF);
        }

        lock (_lock)
        {
            PtxAllocation allocation = new(_next, bytes, host);

            // At least as much again stays empty behind it, so that running over an end does not hit a neighbour.
            _next += (((ulong)bytes + Granularity - 1) & ~(Granularity - 1)) + Granularity;
            _allocations = [.. _allocations, allocation];
            LiveBytes += bytes;
            return allocation.Address;
        }
    }

    /// <summary>Gives memory back. Its addresses are never handed out again.</summary>
    /// <exception cref="PtxException">No allocation starts at that address.</exception>
    public void Free(ulong address)
    {
        lock (_lock)
        {
            PtxAllocation? allocation = Array.Find(_allocations, candidate => candidate.Address == address);
            if (allocation is null)
            {
                throw new PtxException(PtxFault.OutOfBounds, $"free of 0x{address:x}: {Describe(address)}");
            }

            _allocations = [.. _allocations.Where(candidate => candidate != allocation)];
            _freed.Add(allocation);
            LiveBytes -= allocation.Bytes;
            NativeMemory.AlignedFree(allocation.Host);
        }
    }

    /// <summary>The host's view of device memory.</summary>
    /// <exception cref="PtxException">The range is not inside one allocation.</exception>
    public byte* Host(ulong address, long bytes)
    {
        PtxAllocation? allocation = Find(address);
        return allocation is not null && bytes >= 0 && (ulong)bytes <= allocation.End - address
            ? allocation.Host + (address - allocation.Address)
            : throw new PtxException(PtxFault.OutOfBounds, $"{bytes:N0} bytes at 0x{address:x}: {Describe(address)}");
    }

    /// <summary>The memory as elements.</summary>
    public Span<T> Span<T>(ulong address, int elements)
        where T : unmanaged =>
        new(Host(address, (long)elements * sizeof(T)), elements);

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            foreach (PtxAllocation allocation in _allocations)
            {
                NativeMemory.AlignedFree(allocation.Host);
            }

            _allocations = [];
        }
    }

    /// <summary>The allocation that an address lies in, or null.</summary>
    internal PtxAllocation? Find(ulong address)
    {
        // Addresses only grow, so the array is in order.
        PtxAllocation[] allocations = _allocations;
        int low = 0;
        int high = allocations.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            if (address < allocations[middle].Address)
            {
                high = middle - 1;
            }
            else if (address >= allocations[middle].End)
            {
                low = middle + 1;
            }
            else
            {
                return allocations[middle];
            }
        }

        return null;
    }

    /// <summary>Where an address is, in words.</summary>
    internal string Describe(ulong address)
    {
        if (Find(address) is PtxAllocation inside)
        {
            return $"{address - inside.Address:N0} bytes into an allocation of {inside.Bytes:N0}";
        }

        lock (_lock)
        {
            if (_freed.Find(candidate => address >= candidate.Address && address < candidate.End) is PtxAllocation freed)
            {
                return $"memory that was freed ({freed.Bytes:N0} bytes)";
            }
        }

        PtxAllocation? before = _allocations.LastOrDefault(candidate => candidate.Address <= address);
        return before is not null && address - before.End < Granularity
            ? $"{address - before.End:N0} bytes behind the end of an allocation of {before.Bytes:N0}"
            : "no memory of the device";
    }
}
