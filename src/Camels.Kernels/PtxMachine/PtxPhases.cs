using System.Numerics;

namespace Camels.Kernels;

/// <summary>One mbarrier: a phase ends when all arrivals have come and as many bytes as were announced.</summary>
internal sealed class PtxPhaseBarrier(uint address, int expected)
{
    public uint Address { get; } = address;

    public int Expected { get; } = expected;

    /// <summary>Arrivals that the current phase still waits for.</summary>
    public int Pending { get; set; } = expected;

    /// <summary>Bytes announced and not yet there; below zero where they came first.</summary>
    public long Bytes { get; set; }

    /// <summary>Phases that have ended.</summary>
    public long Phase { get; set; }

    public List<PtxWarp> Waiting { get; } = [];
}

/// <summary>The mbarriers of a block.</summary>
internal sealed unsafe partial class PtxBlock
{
    private readonly Dictionary<uint, PtxPhaseBarrier> _phases = [];

    /// <summary>The barrier at an address.</summary>
    public PtxPhaseBarrier PhaseAt(PtxWarp warp, uint address, int lane) => _phases.TryGetValue(address, out PtxPhaseBarrier? barrier)
        ? barrier
        : throw warp.Fail(PtxFault.Protocol, $"there is no mbarrier at shared address {address}", lane);

    public void MakePhase(PtxWarp warp, uint address, int arrivals, int lane)
    {
        if (arrivals is < 1 or > (1 << 20) - 1)
        {
            throw warp.Fail(PtxFault.Protocol, $"an mbarrier for {arrivals} arrivals", lane);
        }

        _phases[address] = new PtxPhaseBarrier(address, arrivals);
    }

    public void ForgetPhase(uint address) => _ = _phases.Remove(address);

    public void Arrive(PtxWarp warp, PtxPhaseBarrier barrier, int arrivals, int lane)
    {
        if (arrivals > barrier.Pending)
        {
            throw warp.Fail(
                PtxFault.Protocol, $"more arrivals at the mbarrier at {barrier.Address} than its {barrier.Expected} in one phase", lane);
        }

        barrier.Pending -= arrivals;
        CompletePhase(barrier);
    }

    /// <summary>Bytes arrived (or, below zero, were announced).</summary>
    public void Receive(PtxPhaseBarrier barrier, long bytes)
    {
        barrier.Bytes -= bytes;
        CompletePhase(barrier);
    }

    private void CompletePhase(PtxPhaseBarrier barrier)
    {
        if (barrier.Pending > 0 || barrier.Bytes != 0)
        {
            return;
        }

        barrier.Phase++;
        barrier.Pending = barrier.Expected;
        foreach (PtxWarp waiting in barrier.Waiting)
        {
            Wake(waiting);
        }

        barrier.Waiting.Clear();
    }
}

/// <summary>mbarrier instructions. Every lane of the mask acts by itself.</summary>
internal static unsafe class PtxPhases
{
    /// <summary>mbarrier.init: B arrivals.</summary>
    public static void Make(PtxWarp warp, PtxInstruction* instruction)
    {
        ulong* addresses = Barriers(warp, instruction);
        uint* counts = (uint*)(warp.Registers + instruction->B);
        for (uint bits = warp.Mask; bits != 0; bits &= bits - 1)
        {
            int lane = BitOperations.TrailingZeroCount(bits);
            warp.Block.MakePhase(warp, (uint)addresses[lane], (int)counts[lane], lane);
        }
    }

    public static void Forget(PtxWarp warp, PtxInstruction* instruction)
    {
        ulong* addresses = Barriers(warp, instruction);
        for (uint bits = warp.Mask; bits != 0; bits &= bits - 1)
        {
            int lane = BitOperations.TrailingZeroCount(bits);
            _ = warp.Block.PhaseAt(warp, (uint)addresses[lane], lane);
            warp.Block.ForgetPhase((uint)addresses[lane]);
        }
    }

    /// <summary>mbarrier.arrive: B arrivals or -1 for one; D the phase that it is for. With expect_tx B is bytes, Count 1; expect_tx alone 2.</summary>
    public static void Arrive(PtxWarp warp, PtxInstruction* instruction)
    {
        ulong* addresses = Barriers(warp, instruction);
        byte* registers = warp.Registers;
        if (warp.Block.Checks is not null)
        {
            Release(warp, addresses);
        }

        for (uint bits = warp.Mask; bits != 0; bits &= bits - 1)
        {
            int lane = BitOperations.TrailingZeroCount(bits);
            PtxPhaseBarrier barrier = warp.Block.PhaseAt(warp, (uint)addresses[lane], lane);
            uint operand = instruction->B < 0 ? 1 : ((uint*)(registers + instruction->B))[lane];
            if (instruction->Count != 2)
            {
                ((ulong*)(registers + instruction->D))[lane] = (ulong)barrier.Phase;
            }

            if (instruction->Count > 0)
            {
                // Announced before the arrival, so that the phase does not end between the two.
                barrier.Bytes += operand;
            }

            if (instruction->Count != 2)
            {
                warp.Block.Arrive(warp, barrier, instruction->Count == 0 ? (int)operand : 1, lane);
            }
        }
    }

    /// <summary>
    /// mbarrier.try_wait and test_wait: D holds where the phase is over. Count 1: B is a parity, 0: B is a phase. Where a phase is not over
    /// the answer is no, and the warp goes on only when the phase ends: a kernel that does not ask again is wrong, and this shows it.
    /// </summary>
    public static void Await(PtxWarp warp, PtxInstruction* instruction)
    {
        ulong* addresses = Barriers(warp, instruction);
        byte* registers = warp.Registers;
        uint over = 0;
        PtxPhaseBarrier? open = null;
        for (uint bits = warp.Mask; bits != 0; bits &= bits - 1)
        {
            int lane = BitOperations.TrailingZeroCount(bits);
            PtxPhaseBarrier barrier = warp.Block.PhaseAt(warp, (uint)addresses[lane], lane);
            bool isOver = instruction->Count == 1
                ? (barrier.Phase & 1) != (((uint*)(registers + instruction->B))[lane] & 1)
                : barrier.Phase > (long)((ulong*)(registers + instruction->B))[lane];
            if (isOver)
            {
                over |= 1u << lane;
                warp.Block.Checks?.Acquire(warp, barrier, lane);
            }
            else
            {
                open = barrier;
            }
        }

        uint* predicate = (uint*)(registers + instruction->D);
        *predicate = (*predicate & ~warp.Mask) | over;
        if (open is not null)
        {
            open.Waiting.Add(warp);
            warp.Wait = PtxWait.Phase;
        }
    }

    // Lanes that arrive at one barrier together tell together.
    private static void Release(PtxWarp warp, ulong* addresses)
    {
        for (uint left = warp.Mask; left != 0;)
        {
            int first = BitOperations.TrailingZeroCount(left);
            uint same = 0;
            for (uint bits = left; bits != 0; bits &= bits - 1)
            {
                int lane = BitOperations.TrailingZeroCount(bits);
                same |= addresses[lane] == addresses[first] ? 1u << lane : 0;
            }

            warp.Block.Checks!.Release(warp, warp.Block.PhaseAt(warp, (uint)addresses[first], first), same);
            left &= ~same;
        }
    }

    // The addresses, checked as those of 8 bytes that nobody else accesses.
    private static ulong* Barriers(PtxWarp warp, PtxInstruction* instruction)
    {
        ulong* addresses = warp.ComputeAddresses(instruction);
        _ = warp.ResolveBarriers(addresses);
        return addresses;
    }
}
