namespace Camels.Kernels;

/// <summary>Memory that each worker has to itself while it runs parts: uninitialised, aligned to a cache line.</summary>
internal readonly unsafe struct CpuWorkerScratch(nint address, long strideBytes)
{
    /// <summary>The memory of one worker.</summary>
    public float* Of(int worker) => (float*)(address + (nint)(worker * strideBytes));
}
