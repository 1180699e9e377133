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

    public void LandCopies(PtxWarp warp, uint[] destinations, uint mask, int bytes)
    {
    }
}

internal sealed class PtxGlobalShadow
{
}
