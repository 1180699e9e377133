namespace Camels.Kernels;

/// <summary>Extents of a grid or a block.</summary>
public readonly record struct PtxDim(int X, int Y = 1, int Z = 1)
{
    /// <summary>How many there are.</summary>
    public long Count => (long)X * Y * Z;

    /// <inheritdoc/>
    public override string ToString() => $"({X},{Y},{Z})";
}

/// <summary>How a launch is run and what it looks for.</summary>
public sealed record PtxOptions
{
    /// <summary>Decides who runs when, and when asynchronous work lands. A right kernel gives the same bits for every seed.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>
    /// True: accesses that nothing orders and reads of memory that nothing wrote are errors, and warps are interrupted at random places.
    /// Several times slower.
    /// </summary>
    public bool ChecksRaces { get; init; }

    /// <summary>True: shared memory starts as NaN, and asynchronous copies make their destination NaN until they land.</summary>
    public bool Poisons { get; init; } = true;

    /// <summary>True: conflicts of shared memory banks and sectors of global memory are counted, which costs time.</summary>
    public bool CountsMemory { get; init; }

    /// <summary>Instructions of warps that one block may take, so that a loop without end is an error.</summary>
    public long MostInstructions { get; init; } = 400_000_000;

    /// <summary>So many launches later the device is lost, as a GPU that fell off its bus: to rehearse what a run makes of it.</summary>
    public long LostAfterLaunches { get; init; } = long.MaxValue;

    /// <summary>Bytes of the device's memory, to rehearse that they do not suffice; 0 for what the host has.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>Threads that run blocks side by side. Blocks do not see each other, so the results are the same; races are checked on one.</summary>
    public int Threads { get; init; } = 1;
}

/// <summary>What a launch did.</summary>
public record struct PtxCounters
{
    /// <summary>Instructions, one for each warp that executed it.</summary>
    public long Instructions;

    /// <summary>mma and wgmma instructions, one for each warp.</summary>
    public long TensorInstructions;

    /// <summary>Extra passes over the 32 banks of shared memory that accesses took.</summary>
    public long BankConflicts;

    /// <summary>Aligned pieces of 32 bytes that accesses of global memory touched.</summary>
    public long GlobalSectors;

    /// <summary>Instructions that accessed global memory, one for each warp.</summary>
    public long GlobalAccesses;

    /// <summary>Adds what another launch or thread did.</summary>
    public void Add(in PtxCounters other)
    {
        Instructions += other.Instructions;
        TensorInstructions += other.TensorInstructions;
        BankConflicts += other.BankConflicts;
        GlobalSectors += other.GlobalSectors;
        GlobalAccesses += other.GlobalAccesses;
    }
}
