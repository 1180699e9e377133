namespace Camels.Kernels.Interop;

/// <summary>Host memory that the GPU copies from and to by itself.</summary>
internal sealed unsafe class CudaPinnedMemory : CudaOwned
{
    public CudaPinnedMemory(CudaContext context, long bytes)
        : base(context)
    {
        context.MakeCurrent();
        void* address;
        Driver.cuMemHostAlloc(&address, (nuint)bytes, 0).ThrowIfFailed(Driver);
        SetHandle((nint)address);
    }

    /// <inheritdoc/>
    protected override CudaStatus Release(nint handle) => Driver.cuMemFreeHost((void*)handle);
}
