using System.Numerics;

namespace Camels.Kernels;

/// <summary>
/// cp.async of one warp: what was asked for and has not landed. A copy lands as late as it may, when its thread waits for its group; until then
/// the destination is NaN, so that a wait that is one stage too lax is seen.
/// </summary>
internal sealed unsafe class PtxCopies(PtxWarp warp)
{
    private const int Lanes = 32;

    private readonly int[] _committed = new int[Lanes];
    private readonly Stack<Copy> _spare = new();
    private readonly List<Copy> _pending = [];

    // One instruction of some lanes that are in the same group.
    private sealed class Copy
    {
        public readonly ulong[] Sources = new ulong[Lanes];
        public readonly uint[] Destinations = new uint[Lanes];
        public readonly byte[] SourceBytes = new byte[Lanes];
        public int Bytes;
        public int Group;
        public uint Mask;
    }

    /// <summary>Forgets what is pending: a new block starts.</summary>
    public void Begin()
    {
        Array.Clear(_committed);
        while (_pending.Count > 0)
        {
            Drop(_pending.Count - 1);
        }
    }

    /// <summary>cp.async.ca/cg: D destination, A source, B bytes to read or -1; Count bytes.</summary>
    public static void Issue(PtxWarp warp, PtxInstruction* instruction) => warp.Copies.Issue(instruction);

    public static void Commit(PtxWarp warp, PtxInstruction* instruction)
    {
        for (uint bits = warp.Mask; bits != 0; bits &= bits - 1)
        {
            warp.Copies._committed[BitOperations.TrailingZeroCount(bits)]++;
        }
    }

    /// <summary>cp.async.wait_group: all but the last Immediate groups; -1 for everything, committed or not.</summary>
    public static void Await(PtxWarp warp, PtxInstruction* instruction) => warp.Copies.Land((int)instruction->Immediate);

    private void Issue(PtxInstruction* instruction)
    {
        int bytes = instruction->Count;
        byte* registers = warp.Registers;
        uint mask = warp.Mask;
        uint reading = mask;
        Copy copy = _spare.TryPop(out Copy? spare) ? spare : new Copy();
        if (instruction->B >= 0)
        {
            uint* sizes = (uint*)(registers + instruction->B);
            for (uint bits = mask; bits != 0; bits &= bits - 1)
            {
                int lane = BitOperations.TrailingZeroCount(bits);
                copy.SourceBytes[lane] = sizes[lane] <= (uint)bytes
                    ? (byte)sizes[lane]
                    : throw warp.Fail(PtxFault.Protocol, $"{sizes[lane]} bytes to read for a copy of {bytes}", lane);
                reading &= sizes[lane] == 0 ? ~(1u << lane) : uint.MaxValue;
            }
        }
        else
        {
            Array.Fill(copy.SourceBytes, (byte)bytes);
        }

        ResolveSources(instruction, copy, mask, reading, bytes);
        ResolveDestinations(instruction, copy, bytes);
        copy.Bytes = bytes;
        copy.Mask = mask;
        Keep(copy);
    }

    // A lane that reads nothing may give any address.
    private void ResolveSources(PtxInstruction* instruction, Copy copy, uint mask, uint reading, int bytes)
    {
        if (reading == 0)
        {
            return;
        }

        PtxInstruction source = *instruction;
        source.Addressing = PtxAddressing.Register64;
        source.Immediate = instruction->More[1];
        ulong* addresses = warp.ComputeAddresses(&source);
        nint delta = warp.ResolveLanes(PtxSpace.Global, addresses, bytes, isWrite: false, reading);
        for (uint bits = mask; bits != 0; bits &= bits - 1)
        {
            int lane = BitOperations.TrailingZeroCount(bits);
            copy.Sources[lane] = (ulong)((nint)addresses[lane] + delta);
        }
    }

    private void ResolveDestinations(PtxInstruction* instruction, Copy copy, int bytes)
    {
        PtxInstruction destination = *instruction;
        destination.A = instruction->D;
        ulong* addresses = warp.ComputeAddresses(&destination);
        nint delta = warp.ResolveCopy(addresses, bytes);
        for (uint bits = warp.Mask; bits != 0; bits &= bits - 1)
        {
            int lane = BitOperations.TrailingZeroCount(bits);
            copy.Destinations[lane] = (uint)addresses[lane];
            if (warp.Block.Settings.Options.Poisons)
            {
                new Span<byte>((byte*)((nint)addresses[lane] + delta), bytes).Fill(0xFF);
            }
        }
    }

    // Lanes that have committed differently often are in different groups: each group keeps its own.
    private void Keep(Copy copy)
    {
        copy.Group = _committed[BitOperations.TrailingZeroCount(copy.Mask)];
        uint others = 0;
        for (uint bits = copy.Mask; bits != 0; bits &= bits - 1)
        {
            int lane = BitOperations.TrailingZeroCount(bits);
            others |= _committed[lane] != copy.Group ? 1u << lane : 0;
        }

        _pending.Add(copy);
        if (others == 0)
        {
            return;
        }

        Copy rest = _spare.TryPop(out Copy? spare) ? spare : new Copy();
        copy.Sources.CopyTo(rest.Sources, 0);
        copy.Destinations.CopyTo(rest.Destinations, 0);
        copy.SourceBytes.CopyTo(rest.SourceBytes, 0);
        rest.Bytes = copy.Bytes;
        rest.Mask = others;
        copy.Mask &= ~others;
        Keep(rest);
    }

    private void Land(int groupsLeft)
    {
        int kept = 0;
        for (int i = 0; i < _pending.Count; i++)
        {
            Copy copy = _pending[i];
            uint landing = copy.Mask & warp.Mask;
            for (uint bits = groupsLeft < 0 ? 0 : landing; bits != 0; bits &= bits - 1)
            {
                int lane = BitOperations.TrailingZeroCount(bits);
                landing &= copy.Group >= _committed[lane] - groupsLeft ? ~(1u << lane) : uint.MaxValue;
            }

            Land(copy, landing);
            copy.Mask &= ~landing;
            if (copy.Mask == 0)
            {
                _spare.Push(copy);
            }
            else
            {
                _pending[kept++] = copy;
            }
        }

        _pending.RemoveRange(kept, _pending.Count - kept);
    }

    private void Land(Copy copy, uint mask)
    {
        byte* shared = warp.Block.Shared - PtxBlock.SharedStart;
        for (uint bits = mask; bits != 0; bits &= bits - 1)
        {
            int lane = BitOperations.TrailingZeroCount(bits);
            byte* destination = shared + copy.Destinations[lane];
            int read = copy.SourceBytes[lane];
            Buffer.MemoryCopy((byte*)copy.Sources[lane], destination, read, read);
            new Span<byte>(destination + read, copy.Bytes - read).Clear();
        }

        if (mask != 0)
        {
            warp.Block.Checks?.LandCopies(warp, copy.Destinations, mask, copy.Bytes);
        }
    }

    private void Drop(int index)
    {
        _spare.Push(_pending[index]);
        _pending.RemoveAt(index);
    }
}
