namespace Camels.Kernels;

/// <summary>One block of k of one tile: what a worker packs and multiplies before it looks up.</summary>
internal readonly record struct CpuBlock(int Tile, int K, int Steps);

/// <summary>The steps start … end − 1 of k in equal blocks; at least one block, which may be empty.</summary>
internal readonly struct CpuBlocks(int start, int end)
{
    /// <summary>Number of blocks.</summary>
    public int Count { get; } = Math.Max(1, (end - start + CpuChunk.StepsPerBlock - 1) / CpuChunk.StepsPerBlock);

    /// <summary>A block of a tile; after its last one, the first block of the tile that its worker is likely to take next.</summary>
    public CpuBlock Of(int tile, int block, int nextTile) =>
        block < Count ? new CpuBlock(tile, Start(block), Start(block + 1) - Start(block)) : Of(nextTile, block: 0, nextTile);

    private int Start(int block) => start + (int)((long)(end - start) * block / Count);
}
