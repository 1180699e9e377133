namespace Camels.Kernels;

/// <summary>One block of k of one tile: what a worker packs and multiplies before it looks up.</summary>
/// <param name="Tile">The tile.</param>
/// <param name="K">First element along k.</param>
/// <param name="Steps">Elements along k.</param>
/// <param name="Pairs">What these hold.</param>
internal readonly record struct CpuBlock(int Tile, int K, int Steps, CpuPairs Pairs);

/// <summary>The elements with the steps start … end − 1 of k in equal blocks; at least one block, which may be empty.</summary>
internal readonly struct CpuBlocks(int start, int end, CpuPairs pairs)
{
    /// <summary>Number of blocks.</summary>
    public int Count { get; } = Math.Max(1, (pairs.EndOf(end) - pairs.ElementOf(start) + CpuChunk.StepsPerBlock - 1) / CpuChunk.StepsPerBlock);

    /// <summary>A block of a tile; after its last one, the first block of the tile that its worker is likely to take next.</summary>
    public CpuBlock Of(int tile, int block, int nextTile) =>
        block < Count
            ? new CpuBlock(
                tile, Start(block), Start(block + 1) - Start(block),
                pairs.Between(block == 0 ? start : 0, block == Count - 1 ? end : 0))
            : Of(nextTile, block: 0, nextTile);

    private int Start(int block) => pairs.ElementOf(start) + (int)((long)(pairs.EndOf(end) - pairs.ElementOf(start)) * block / Count);
}
