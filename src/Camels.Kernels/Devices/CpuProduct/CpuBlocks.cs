namespace Camels.Kernels;

/// <summary>The steps start … end − 1 of k in equal blocks; at least one block, which may be empty.</summary>
internal readonly struct CpuBlocks(int start, int end)
{
    /// <summary>Number of blocks.</summary>
    public int Count { get; } = Math.Max(1, (end - start + CpuChunk.StepsPerBlock - 1) / CpuChunk.StepsPerBlock);

    /// <summary>First step of a block.</summary>
    public int Start(int block) => start + (int)((long)(end - start) * Math.Min(block, Count) / Count);

    /// <summary>Steps of a block, 0 after the last.</summary>
    public int Steps(int block) => Start(block + 1) - Start(block);
}
