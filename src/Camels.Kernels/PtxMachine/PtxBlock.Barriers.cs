namespace Camels.Kernels;

/// <summary>The numbered barriers of a block.</summary>
internal sealed unsafe partial class PtxBlock
{
    private const int BarrierCount = 16;

    private readonly Barrier[] _barriers = [.. Enumerable.Range(0, BarrierCount).Select(_ => new Barrier())];

    private sealed class Barrier
    {
        public List<PtxWarp> Waiting { get; } = [];

        /// <summary>Warps that arrived, those that do not wait included.</summary>
        public int Arrived { get; set; }

        /// <summary>Warps that it takes; 0 for all of the block that have not ended.</summary>
        public int Expected { get; set; }
    }

    /// <summary>bar.sync and bar.arrive: the warp arrives, and waits unless it only arrives.</summary>
    public void Arrive(PtxWarp warp, uint id, int threads, bool waits)
    {
        if (id >= BarrierCount)
        {
            throw warp.Fail(PtxFault.Protocol, $"barrier {id}: there are {BarrierCount}");
        }

        if (threads % 32 != 0 || threads > 32 * _warps.Length)
        {
            throw warp.Fail(PtxFault.Protocol, $"a barrier for {threads} threads in a block of {Settings.Block.Count}: a multiple of 32 that are there");
        }

        Barrier barrier = _barriers[id];
        if (barrier.Arrived > 0 && barrier.Expected != threads / 32)
        {
            throw warp.Fail(PtxFault.Protocol, $"barrier {id} for {threads} threads, but a warp that arrived before said {32 * barrier.Expected}");
        }

        barrier.Expected = threads / 32;
        barrier.Arrived++;
        Checks?.TellBarrier(warp, barrier);
        if (waits)
        {
            barrier.Waiting.Add(warp);
            warp.Wait = PtxWait.Barrier;
        }

        Complete(barrier, warp);
    }

    private void BeginBarriers()
    {
        foreach (Barrier barrier in _barriers)
        {
            barrier.Waiting.Clear();
            barrier.Arrived = 0;
        }
    }

    // A warp that has ended is no longer waited for.
    private void AfterExit()
    {
        foreach (Barrier barrier in _barriers)
        {
            Complete(barrier, running: null);
        }
    }

    private void Complete(Barrier barrier, PtxWarp? running)
    {
        int expected = barrier.Expected > 0 ? barrier.Expected : _warps.Count(warp => warp.Wait != PtxWait.Done);
        if (barrier.Arrived == 0 || barrier.Arrived < expected)
        {
            return;
        }

        foreach (PtxWarp warp in barrier.Waiting)
        {
            Checks?.HearBarrier(warp, barrier);
            if (warp == running)
            {
                warp.Wait = PtxWait.Yield;
            }
            else
            {
                Wake(warp);
            }
        }

        Checks?.ForgetBarrier(barrier);
        barrier.Waiting.Clear();
        barrier.Arrived = 0;
    }
}
