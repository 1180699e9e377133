namespace Camels.Kernels;

/// <summary>Computes the tiles of a chunk.</summary>
internal unsafe struct CpuTileWork : ICpuWork
{
    private const int FewStepsToFetch = 256;     // below, fetching the next results costs more than waiting for them

    public CpuChunk Chunk;
    public float* Result;
    public nint Stride;
    public bool Accumulate;
    public int Steps;
    public CpuEpilogue Epilogue;

    public readonly void Run(int part, int worker)
    {
        CpuTarget result = new(Result + (Chunk.RowsOf(part).First * Stride) + Chunk.ColumnsOf(part).First, Stride);
        CpuEpilogue epilogue = Epilogue.At(Chunk.RowsOf(part).First, Chunk.ColumnsOf(part).First);
        CpuBlocks blocks = new(start: 0, Steps, Chunk.Pairs);
        bool isStored = !epilogue.Exists || Accumulate || blocks.Count > 1;
        for (int block = 0; block < blocks.Count; block++)
        {
            Chunk.RunBlock(
                blocks.Of(part, block, nextTile: part), blocks.Of(part, block + 1, nextTile: part + Chunk.Workers), worker,
                new CpuChainCell
                {
                    Result = result,
                    Fetches = Chunk.Steps >= FewStepsToFetch && isStored,
                    Accumulate = Accumulate || block > 0,
                    Epilogue = block == blocks.Count - 1 ? epilogue : default,
                });
        }
    }
}
