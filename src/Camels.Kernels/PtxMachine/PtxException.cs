namespace Camels.Kernels;

/// <summary>What kind of thing a PTX text or a launch did wrong.</summary>
public enum PtxFault
{
    /// <summary>The text is not PTX that the machine runs.</summary>
    Malformed,

    /// <summary>Grid, block, shared memory or parameters do not fit the kernel.</summary>
    Launch,

    /// <summary>An access outside every allocation, or in one that was freed.</summary>
    OutOfBounds,

    /// <summary>An address that is not a multiple of what the instruction needs.</summary>
    Misaligned,

    /// <summary>A read of memory that nothing wrote.</summary>
    Uninitialised,

    /// <summary>Two accesses to one address, at least one a write, that nothing orders.</summary>
    Race,

    /// <summary>An instruction for the whole warp or warpgroup, executed by a part of it.</summary>
    Divergence,

    /// <summary>Every thread waits for what never comes.</summary>
    Deadlock,

    /// <summary>A rule of an instruction was broken (too many arrivals, a descriptor that is none, ...).</summary>
    Protocol,

    /// <summary>More instructions than the launch allows.</summary>
    Budget,

    /// <summary>The kernel executed a trap.</summary>
    Trap,
}

/// <summary>A PTX text or a launch that is wrong, in one line: what, and where (file, line, kernel, block, thread).</summary>
public sealed class PtxException(PtxFault fault, string message) : Exception(message)
{
    /// <summary>What kind of thing went wrong.</summary>
    public PtxFault Fault { get; } = fault;
}
