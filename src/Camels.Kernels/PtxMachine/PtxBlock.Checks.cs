namespace Camels.Kernels;

/// <summary>Counting and checking of memory accesses.</summary>
internal sealed unsafe partial class PtxBlock
{
    public PtxRaces? Checks { get; }

    public void CheckShared(PtxWarp warp, ulong* addresses, int bytes, bool isWrite)
    {
    }

    public void CheckGlobal(PtxWarp warp, PtxAllocation allocation, ulong* addresses, uint mask, int bytes, bool isWrite)
    {
    }

    public void CountConflicts(ulong* addresses, uint mask, int bytes)
    {
    }

    public void CountSectors(ulong* addresses, uint mask, int bytes)
    {
    }
}

internal sealed class PtxRaces
{
    public void OrderWarp(PtxWarp warp)
    {
    }

    public unsafe void IssueCopies(PtxWarp warp, ulong* addresses, uint mask, int bytes)
    {
    }

    public void Release(PtxWarp warp, PtxPhaseBarrier barrier, int lane)
    {
    }

    public void Acquire(PtxWarp warp, PtxPhaseBarrier barrier, int lane)
    {
    }

    public void IssueBox(PtxWarp warp, uint shared, int bytes, bool isWrite, int lane)
    {
    }

    public void LandBox(PtxPhaseBarrier? barrier, uint shared, int bytes, bool isLoad)
    {
    }

    public unsafe void IssueProduct(PtxWarp warp, PtxInstruction* instruction, ulong left, ulong right)
    {
    }

    public void AwaitProducts(PtxWarp warp)
    {
    }

    public void FenceProxy(PtxWarp warp)
    {
    }

    public void LandCopies(PtxWarp warp, uint[] destinations, uint mask, int bytes)
    {
    }
}

internal sealed class PtxGlobalShadow
{
}
