namespace Camels.Kernels.Interop;

/// <summary>A point in a stream that others wait for, and a clock.</summary>
internal sealed unsafe class CudaEvent : CudaOwned
{
    public CudaEvent(CudaContext context)
        : base(context)
    {
        context.MakeCurrent();
        nint mark;
        Driver.cuEventCreate(&mark, 0).ThrowIfFailed(Driver);
        SetHandle(mark);
    }

    /// <summary>Places the event behind everything given to <paramref name="stream"/> so far.</summary>
    public void Record(CudaStream stream)
    {
        Context.MakeCurrent();
        Driver.cuEventRecord(handle, stream.Raw).ThrowIfFailed(Driver);
    }

    /// <summary>The host waits until the stream has passed the event; at once where it was never recorded.</summary>
    public void Synchronize()
    {
        Context.MakeCurrent();
        Driver.cuEventSynchronize(handle).ThrowIfFailed(Driver);
    }

    /// <summary>Milliseconds on the GPU between <paramref name="start"/> and this, both passed.</summary>
    public float MillisecondsSince(CudaEvent start)
    {
        Context.MakeCurrent();
        float milliseconds;
        Driver.cuEventElapsedTime(&milliseconds, start.Raw, handle).ThrowIfFailed(Driver);
        return milliseconds;
    }

    /// <inheritdoc/>
    protected override CudaStatus Release(nint handle) => Driver.cuEventDestroy_v2(handle);
}
