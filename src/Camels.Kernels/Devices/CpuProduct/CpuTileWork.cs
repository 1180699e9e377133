namespace Camels.Kernels;

/// <summary>Computes the tiles of a chunk.</summary>
internal unsafe struct CpuTileWork : ICpuWork
{
    public CpuChunk Chunk;
    public float* Result;
    public nint Stride;
    public bool Accumulate;

    public readonly void Run(int part, int worker)
    {
        float* result = Result + (Chunk.RowsOf(part).First * Stride) + Chunk.ColumnsOf(part).First;
        CpuBlocks blocks = new(start: 0, Chunk.Steps);
        for (int block = 0; block < blocks.Count; block++)
        {
            Chunk.RunBlock(
                part, worker, result, Stride, blocks.Start(block), blocks.Steps(block), blocks.Start(block + 1), blocks.Steps(block + 1),
                Accumulate || block > 0, whole: false);
        }
    }
}
