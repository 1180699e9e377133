using System.Numerics;
using System.Runtime.Intrinsics;

namespace Camels.Kernels;

/// <summary>A state space that addresses lie in.</summary>
internal enum PtxSpace : byte
{
    Global,
    Shared,
    Parameter,
    Generic,
}

/// <summary>How a warp reaches memory: addresses of the lanes, checked, and turned into addresses of the host.</summary>
internal sealed unsafe partial class PtxWarp
{
    private PtxAllocation? _lastAllocation;
    private bool _isAtomic;

    /// <summary>The addresses of the lanes, in <see cref="Addresses"/>.</summary>
    public ulong* ComputeAddresses(PtxInstruction* instruction)
    {
        ulong* addresses = Addresses;
        Vector512<ulong> offset = Vector512.Create((ulong)instruction->Immediate);
        byte* source = Registers + instruction->A;
        for (int lane = 0; lane < 32; lane += 8)
        {
            Vector512<ulong> value = instruction->Addressing switch
            {
                PtxAddressing.Register64 => Vector512.Load((ulong*)source + lane) + offset,
                PtxAddressing.Register32 => Widen((uint*)source + lane) + offset,
                _ => offset,
            };
            value.Store(addresses + lane);
        }

        return addresses;
    }

    /// <summary>
    /// Checks that every lane of the mask may access so many bytes at its address, and returns what is added to the addresses to have those of
    /// the host.
    /// </summary>
    public nint Resolve(PtxSpace space, ulong* addresses, int bytes, bool isWrite)
    {
        uint mask = Mask;
        int first = BitOperations.TrailingZeroCount(mask);
        ulong lowest = addresses[first];
        ulong highest = lowest;
        ulong all = lowest;
        if (mask == uint.MaxValue && IsContiguous(addresses, bytes))
        {
            highest = lowest + (ulong)(31 * bytes);
        }
        else
        {
            for (uint bits = mask & (mask - 1); bits != 0; bits &= bits - 1)
            {
                ulong address = addresses[BitOperations.TrailingZeroCount(bits)];
                lowest = Math.Min(lowest, address);
                highest = Math.Max(highest, address);
                all |= address;
            }
        }

        if ((all & (ulong)(bytes - 1)) != 0)
        {
            throw FailAccess(PtxFault.Misaligned, space, addresses, bytes, isWrite, address => (address & (ulong)(bytes - 1)) != 0);
        }

        return space switch
        {
            PtxSpace.Shared => ResolveShared(addresses, lowest, highest, bytes, isWrite),
            PtxSpace.Global => ResolveGlobal(addresses, lowest, highest, bytes, isWrite),
            PtxSpace.Parameter => ResolveParameter(addresses, lowest, highest, bytes, isWrite, window: 0),
            _ => ResolveGeneric(addresses, lowest, highest, bytes, isWrite),
        };
    }

    /// <summary>The same for an atomic on 32 bits, which races with nothing.</summary>
    public nint ResolveAtomic(PtxSpace space, ulong* addresses)
    {
        _isAtomic = true;
        nint delta = Resolve(space, addresses, sizeof(uint), isWrite: true);
        _isAtomic = false;
        return delta;
    }

    /// <summary>The same for some lanes of the mask.</summary>
    public nint ResolveLanes(PtxSpace space, ulong* addresses, int bytes, bool isWrite, uint lanes)
    {
        uint mask = Mask;
        Mask = lanes;
        nint delta = Resolve(space, addresses, bytes, isWrite);
        Mask = mask;
        return delta;
    }

    /// <summary>The same for the destination of an asynchronous copy, which is written by the copy and not by the warp.</summary>
    public nint ResolveCopy(ulong* addresses, int bytes)
    {
        _isAtomic = true;
        nint delta = Resolve(PtxSpace.Shared, addresses, bytes, isWrite: true);
        _isAtomic = false;
        Block.Checks?.IssueCopies(this, addresses, Mask, bytes);
        return delta;
    }

    /// <summary>The same for mbarriers, which are ordered by themselves.</summary>
    public nint ResolveBarriers(ulong* addresses)
    {
        _isAtomic = true;
        nint delta = Resolve(PtxSpace.Shared, addresses, bytes: 8, isWrite: true);
        _isAtomic = false;
        return delta;
    }

    /// <summary>Where bytes lie that one lane names by an address of no space: a parameter or global memory.</summary>
    public byte* HostOfGeneric(ulong address, int bytes, int lane)
    {
        ulong parameter = address - PtxBlock.ParameterWindow;
        if (parameter < (ulong)Block.Settings.Parameters.Length && parameter + (ulong)bytes <= (ulong)Block.Settings.Parameters.Length)
        {
            return Block.Parameters + parameter;
        }

        PtxAllocation? allocation = Block.Settings.Memory.Find(address);
        return allocation is not null && (ulong)bytes <= allocation.End - address
            ? (byte*)((nint)address + allocation.Delta)
            : throw Fail(PtxFault.OutOfBounds, DescribeAccess(PtxSpace.Global, address, bytes, isWrite: false), lane);
    }

    /// <summary>The addresses of the rows that a fragment load reads: 16 bytes each, given by the first 8, 16 or 32 lanes of a whole warp.</summary>
    public ulong* ResolveRows(PtxInstruction* instruction, out nint delta)
    {
        RequireFull();
        ulong* addresses = ComputeAddresses(instruction);
        Mask = (uint)((1UL << (8 * instruction->Count)) - 1);
        delta = Resolve(PtxSpace.Shared, addresses, bytes: 16, isWrite: false);
        Mask = Live;
        return addresses;
    }

    private static Vector512<ulong> Widen(uint* source)
    {
        (Vector256<ulong> lower, Vector256<ulong> upper) = Vector256.Widen(Vector256.Load(source));
        return Vector512.Create(lower, upper);
    }

    private static bool IsContiguous(ulong* addresses, int bytes)
    {
        Vector512<ulong> step = Vector512<ulong>.Indices * (ulong)bytes;
        Vector512<ulong> difference = Vector512<ulong>.Zero;
        for (int lane = 0; lane < 32; lane += 8)
        {
            Vector512<ulong> expected = Vector512.Create(addresses[0] + ((ulong)lane * (ulong)bytes)) + step;
            difference |= Vector512.Load(addresses + lane) ^ expected;
        }

        return difference == Vector512<ulong>.Zero;
    }

    private nint ResolveShared(ulong* addresses, ulong lowest, ulong highest, int bytes, bool isWrite)
    {
        ulong end = PtxBlock.SharedStart + (ulong)Block.SharedBytes;
        if (lowest < PtxBlock.SharedStart || highest + (ulong)bytes > end || highest > end)
        {
            throw FailAccess(
                PtxFault.OutOfBounds, PtxSpace.Shared, addresses, bytes, isWrite, address => address < PtxBlock.SharedStart || address > end - (ulong)bytes);
        }

        if (Block.Checks is not null && !_isAtomic)
        {
            Block.Checks.AccessShared(this, addresses, Mask, bytes, isWrite);
        }

        if (Block.Settings.Options.CountsMemory)
        {
            Block.CountConflicts(addresses, Mask, bytes);
        }

        return (nint)Block.Shared - (nint)PtxBlock.SharedStart;
    }

    private nint ResolveGlobal(ulong* addresses, ulong lowest, ulong highest, int bytes, bool isWrite)
    {
        PtxAllocation? allocation = _lastAllocation;
        if (allocation is null || lowest < allocation.Address || highest + (ulong)bytes > allocation.End)
        {
            allocation = Block.Settings.Memory.Find(lowest);
            if (allocation is null || highest + (ulong)bytes > allocation.End || highest < lowest)
            {
                return ResolveScattered(addresses, bytes, isWrite);
            }

            _lastAllocation = allocation;
        }

        Observe(allocation, addresses, bytes, isWrite);
        return allocation.Delta;
    }

    private void Observe(PtxAllocation allocation, ulong* addresses, int bytes, bool isWrite)
    {
        if (Block.Checks is not null && !_isAtomic)
        {
            Block.Checks.AccessGlobal(this, allocation, addresses, Mask, bytes, isWrite);
        }

        if (Block.Settings.Options.CountsMemory)
        {
            Block.CountSectors(addresses, Mask);
        }
    }

    // Lanes that access several allocations, or tables of the text: each address is replaced by that of the host.
    private nint ResolveScattered(ulong* addresses, int bytes, bool isWrite)
    {
        PtxConstantBank bank = _program.Bank;
        for (uint bits = Mask; bits != 0; bits &= bits - 1)
        {
            int lane = BitOperations.TrailingZeroCount(bits);
            ulong address = addresses[lane];
            if (!isWrite && address >= PtxConstantBank.Start && address - PtxConstantBank.Start + (ulong)bytes <= (ulong)bank.Bytes)
            {
                addresses[lane] = (ulong)bank.Host + (address - PtxConstantBank.Start);
                continue;
            }

            PtxAllocation? allocation = Block.Settings.Memory.Find(address);
            if (allocation is null || (ulong)bytes > allocation.End - address)
            {
                throw Fail(PtxFault.OutOfBounds, DescribeAccess(PtxSpace.Global, address, bytes, isWrite), lane);
            }

            if (Block.Checks is not null && !_isAtomic)
            {
                Block.Checks.AccessGlobal(this, allocation, addresses, 1u << lane, bytes, isWrite);
            }

            addresses[lane] = address + (ulong)allocation.Delta;
        }

        return 0;
    }

    private nint ResolveParameter(ulong* addresses, ulong lowest, ulong highest, int bytes, bool isWrite, ulong window)
    {
        ulong end = window + (ulong)Block.Settings.Parameters.Length;
        return !isWrite && lowest >= window && highest + (ulong)bytes <= end
            ? (nint)Block.Parameters - (nint)window
            : throw FailAccess(PtxFault.OutOfBounds, PtxSpace.Parameter, addresses, bytes, isWrite, address => address < window || address + (ulong)bytes > end);
    }

    private nint ResolveGeneric(ulong* addresses, ulong lowest, ulong highest, int bytes, bool isWrite)
    {
        if (highest < PtxBlock.SharedWindow)
        {
            return ResolveGlobal(addresses, lowest, highest, bytes, isWrite);
        }

        if (lowest >= PtxBlock.SharedWindow && highest < PtxBlock.ParameterWindow)
        {
            for (int lane = 0; lane < 32; lane++)
            {
                addresses[lane] -= PtxBlock.SharedWindow;
            }

            return ResolveShared(addresses, lowest - PtxBlock.SharedWindow, highest - PtxBlock.SharedWindow, bytes, isWrite);
        }

        return lowest >= PtxBlock.ParameterWindow && highest < PtxConstantBank.Start
            ? ResolveParameter(addresses, lowest, highest, bytes, isWrite, PtxBlock.ParameterWindow)
            : ResolveScattered(addresses, bytes, isWrite);
    }

    private PtxException FailAccess(PtxFault fault, PtxSpace space, ulong* addresses, int bytes, bool isWrite, Predicate<ulong> isWrong)
    {
        uint bits = Mask;
        int lane = BitOperations.TrailingZeroCount(bits);
        while (!isWrong(addresses[lane]) && (bits &= bits - 1) != 0)
        {
            lane = BitOperations.TrailingZeroCount(bits);
        }

        string what = fault == PtxFault.Misaligned
            ? $"{bytes} bytes at {NameAddress(space, addresses[lane])}, which is no multiple of {bytes}"
            : DescribeAccess(space, addresses[lane], bytes, isWrite);
        return Fail(fault, what, lane);
    }

    private string DescribeAccess(PtxSpace space, ulong address, int bytes, bool isWrite)
    {
        string where = space switch
        {
            PtxSpace.Shared => $"the block has bytes {PtxBlock.SharedStart} to {PtxBlock.SharedStart + Block.SharedBytes - 1}",
            PtxSpace.Parameter => $"the parameters are {Block.Settings.Parameters.Length} bytes",
            _ => Block.Settings.Memory.Describe(address),
        };
        return $"{(isWrite ? "writes" : "reads")} {bytes} bytes at {NameAddress(space, address)}: {where}";
    }

    private static string NameAddress(PtxSpace space, ulong address) => space switch
    {
        PtxSpace.Shared => $"shared address {address}",
        PtxSpace.Parameter => $"parameter byte {address}",
        _ => $"0x{address:x}",
    };
}
