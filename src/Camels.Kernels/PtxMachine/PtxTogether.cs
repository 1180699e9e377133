using System.Numerics;

namespace Camels.Kernels;

/// <summary>What the threads of a warp or block do together: barriers, exchanges, votes.</summary>
internal static unsafe class PtxTogether
{
    /// <summary>Where a lane of shfl looks: (lane, operand, clamp and segment) to the source lane, or -1 where it keeps its own.</summary>
    internal interface IShuffle
    {
        static abstract int Source(int lane, uint b, int maximum, int minimum);
    }

    public readonly struct Up : IShuffle
    {
        public static int Source(int lane, uint b, int maximum, int minimum) => lane - (int)b >= maximum ? lane - (int)b : -1;
    }

    public readonly struct Down : IShuffle
    {
        public static int Source(int lane, uint b, int maximum, int minimum) => lane + (int)b <= maximum ? lane + (int)b : -1;
    }

    public readonly struct Butterfly : IShuffle
    {
        public static int Source(int lane, uint b, int maximum, int minimum) => (lane ^ (int)b) <= maximum ? lane ^ (int)b : -1;
    }

    public readonly struct Indexed : IShuffle
    {
        public static int Source(int lane, uint b, int maximum, int minimum) => minimum | ((int)b & (maximum - minimum));
    }

    public static void Nothing(PtxWarp warp, PtxInstruction* instruction)
    {
    }

    /// <summary>fence.proxy.async: what these threads wrote to shared memory is there for the engines that copy and multiply.</summary>
    public static void FenceProxy(PtxWarp warp, PtxInstruction* instruction) => warp.Block.Checks?.FenceProxy(warp);

    /// <summary>bar.sync and barrier.sync: the id is A, the threads are B (-1 for the block); Count 1 arrives without waiting.</summary>
    public static void BlockBarrier(PtxWarp warp, PtxInstruction* instruction)
    {
        warp.RequireWhole();
        uint id = warp.Uniform(instruction->A);
        int threads = instruction->B < 0 ? 0 : (int)warp.Uniform(instruction->B);
        if (instruction->B >= 0 && threads == 0)
        {
            throw warp.Fail(PtxFault.Protocol, "a barrier for 0 threads");
        }

        warp.Block.Arrive(warp, id, threads, waits: instruction->Count == 0);
    }

    /// <summary>bar.warp.sync: every thread that the mask names is here.</summary>
    public static void WarpBarrier(PtxWarp warp, PtxInstruction* instruction)
    {
        RequireMembers(warp, instruction->A);
        warp.Block.Checks?.OrderWarp(warp);
    }

    /// <summary>shfl.sync: A value, B lane operand, C clamp and segment, More[0] members, More[1] predicate or -1.</summary>
    public static void Shuffle<TShuffle>(PtxWarp warp, PtxInstruction* instruction)
        where TShuffle : struct, IShuffle
    {
        RequireMembers(warp, instruction->More[0]);
        byte* registers = warp.Registers;
        uint* copy = (uint*)warp.Exchange;
        Buffer.MemoryCopy(registers + instruction->A, copy, 128, 128);
        uint* operand = (uint*)(registers + instruction->B);
        uint* clamp = (uint*)(registers + instruction->C);
        uint* destination = (uint*)(registers + instruction->D);
        uint found = 0;
        for (uint bits = warp.Mask; bits != 0; bits &= bits - 1)
        {
            int lane = BitOperations.TrailingZeroCount(bits);
            int segment = (int)(clamp[lane] >> 8) & 31;
            int maximum = (lane & segment) | ((int)clamp[lane] & 31 & ~segment);
            int source = TShuffle.Source(lane, operand[lane] & 31, maximum, lane & segment);
            if (source >= 0)
            {
                found |= 1u << lane;
                if ((warp.Mask >> source & 1) == 0)
                {
                    throw warp.Fail(PtxFault.Divergence, $"takes the value of lane {source}, which is not here", lane);
                }
            }

            destination[lane] = copy[source >= 0 ? source : lane];
        }

        if (instruction->More[1] >= 0)
        {
            uint* predicate = (uint*)(registers + instruction->More[1]);
            *predicate = (*predicate & ~warp.Mask) | (found & warp.Mask);
        }
    }

    /// <summary>vote.sync: A predicate, flipped by Immediate; B members; Count 0 ballot, 1 any, 2 all, 3 uniform.</summary>
    public static void Vote(PtxWarp warp, PtxInstruction* instruction)
    {
        uint members = RequireMembers(warp, instruction->B) & warp.Mask;
        uint votes = (*(uint*)(warp.Registers + instruction->A) ^ (uint)instruction->Immediate) & members;
        if (instruction->Count == 0)
        {
            Fill(warp, instruction->D, votes);
            return;
        }

        bool holds = instruction->Count switch
        {
            1 => votes != 0,
            2 => votes == members,
            _ => votes == members || votes == 0,
        };
        uint* predicate = (uint*)(warp.Registers + instruction->D);
        *predicate = holds ? *predicate | warp.Mask : *predicate & ~warp.Mask;
    }

    public static void ActiveMask(PtxWarp warp, PtxInstruction* instruction) => Fill(warp, instruction->D, warp.Mask);

    /// <summary>match.any.sync: which lanes hold the same value.</summary>
    public static void MatchAny(PtxWarp warp, PtxInstruction* instruction)
    {
        uint members = RequireMembers(warp, instruction->B) & warp.Mask;
        uint* copy = (uint*)warp.Exchange;
        Buffer.MemoryCopy(warp.Registers + instruction->A, copy, 128, 128);
        uint* destination = (uint*)(warp.Registers + instruction->D);
        for (uint bits = warp.Mask; bits != 0; bits &= bits - 1)
        {
            int lane = BitOperations.TrailingZeroCount(bits);
            uint equal = 0;
            for (uint others = members; others != 0; others &= others - 1)
            {
                int other = BitOperations.TrailingZeroCount(others);
                equal |= copy[other] == copy[lane] ? 1u << other : 0;
            }

            destination[lane] = equal;
        }
    }

    /// <summary>redux.sync: one value from those of all members.</summary>
    public static void Reduce<TOperation>(PtxWarp warp, PtxInstruction* instruction)
        where TOperation : struct, IPtxLane2<uint, uint, uint>
    {
        uint members = RequireMembers(warp, instruction->B) & warp.Mask;
        uint* source = (uint*)(warp.Registers + instruction->A);
        uint result = source[BitOperations.TrailingZeroCount(members)];
        for (uint bits = members & (members - 1); bits != 0; bits &= bits - 1)
        {
            result = TOperation.Apply(result, source[BitOperations.TrailingZeroCount(bits)]);
        }

        Fill(warp, instruction->D, result);
    }

    /// <summary>elect.sync: one of the members; D its lane, More[0] the predicate that holds there.</summary>
    public static void Elect(PtxWarp warp, PtxInstruction* instruction)
    {
        uint members = RequireMembers(warp, instruction->B) & warp.Mask;
        int leader = BitOperations.TrailingZeroCount(members);
        Fill(warp, instruction->D, (uint)leader);
        uint* predicate = (uint*)(warp.Registers + instruction->More[0]);
        *predicate = (*predicate & ~warp.Mask) | (1u << leader);
    }

    private static void Fill(PtxWarp warp, int destination, uint value)
    {
        uint* lanes = (uint*)(warp.Registers + destination);
        for (uint bits = warp.Mask; bits != 0; bits &= bits - 1)
        {
            lanes[BitOperations.TrailingZeroCount(bits)] = value;
        }
    }

    // Every thread that is here names the same members, all that are named and have not ended are here, and all here are named.
    private static uint RequireMembers(PtxWarp warp, int operand)
    {
        uint members = warp.Uniform(operand);
        return (members & warp.Live) == warp.Mask
            ? members
            : throw warp.Fail(PtxFault.Divergence, $"names the threads {members:x8}, but {warp.Mask:x8} of {warp.Live:x8} are here");
    }
}
