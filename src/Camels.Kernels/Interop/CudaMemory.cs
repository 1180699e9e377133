namespace Camels.Kernels.Interop;

/// <summary>A block of a GPU's memory, aligned to 256 bytes.</summary>
internal sealed unsafe class CudaMemory : CudaOwned
{
    /// <exception cref="InsufficientMemoryException">What was asked, what is free and what to do.</exception>
    public CudaMemory(CudaContext context, long bytes)
        : base(context)
    {
        context.MakeCurrent();
        nint address;
        CudaStatus status = Driver.cuMemAlloc_v2(&address, (nuint)Math.Max(bytes, 1));
        if (status == CudaStatus.OutOfMemory)
        {
            (long free, long total) = context.Memory();
            throw new InsufficientMemoryException(
                $"{bytes:N0} bytes were asked of the GPU, {free:N0} of its {total:N0} are free: take fewer or shorter rows per call "
                + "(sharding.lanes_per_call, data.sequence_length), recompute: block, or close what else runs on it");
        }

        status.ThrowIfFailed(Driver, nameof(CudaDriver.cuMemAlloc_v2));
        SetHandle(address);
    }

    /// <inheritdoc/>
    protected override CudaStatus Release(nint handle) => Driver.cuMemFree_v2(handle);
}
