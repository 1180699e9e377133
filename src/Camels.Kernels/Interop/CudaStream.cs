namespace Camels.Kernels.Interop;

/// <summary>A queue of work on a GPU, in order. The driver's default stream, which waits for all others, is never used.</summary>
internal sealed unsafe class CudaStream : CudaOwned
{
    private const uint NonBlocking = 1;
    private const int CaptureOfThisThread = 1;

    public CudaStream(CudaContext context)
        : base(context)
    {
        context.MakeCurrent();
        nint stream;
        Driver.cuStreamCreate(&stream, NonBlocking).ThrowIfFailed(Driver);
        SetHandle(stream);
    }

    /// <summary>Waits until everything given so far is done; a kernel's failure shows here.</summary>
    public void Synchronize()
    {
        Context.MakeCurrent();
        Driver.cuStreamSynchronize(handle).ThrowIfFailed(Driver);
    }

    /// <summary>What is given from now on waits for <paramref name="mark"/>.</summary>
    public void WaitFor(CudaEvent mark)
    {
        Context.MakeCurrent();
        Driver.cuStreamWaitEvent(handle, mark.Raw, 0).ThrowIfFailed(Driver);
    }

    /// <summary>Copies from pinned host memory.</summary>
    public void CopyToDevice(nint destination, void* source, long bytes)
    {
        Context.MakeCurrent();
        Driver.cuMemcpyHtoDAsync_v2(destination, source, (nuint)bytes, handle).ThrowIfFailed(Driver);
    }

    /// <summary>Copies to pinned host memory.</summary>
    public void CopyToHost(void* destination, nint source, long bytes)
    {
        Context.MakeCurrent();
        Driver.cuMemcpyDtoHAsync_v2(destination, source, (nuint)bytes, handle).ThrowIfFailed(Driver);
    }

    /// <summary>Copies inside the GPU's memory.</summary>
    public void Copy(nint destination, nint source, long bytes)
    {
        Context.MakeCurrent();
        Driver.cuMemcpyDtoDAsync_v2(destination, source, (nuint)bytes, handle).ThrowIfFailed(Driver);
    }

    /// <summary>Sets every byte.</summary>
    public void Fill(nint destination, byte value, long bytes)
    {
        Context.MakeCurrent();
        Driver.cuMemsetD8Async(destination, value, (nuint)bytes, handle).ThrowIfFailed(Driver);
    }

    /// <summary>True where the driver can record work; the stand-in driver need not.</summary>
    public bool CanCapture => Driver.cuStreamBeginCapture_v2 != null;

    /// <summary>From now on work is recorded instead of run, until <see cref="EndCapture"/>.</summary>
    public void BeginCapture()
    {
        Context.MakeCurrent();
        Driver.cuStreamBeginCapture_v2(handle, CaptureOfThisThread).ThrowIfFailed(Driver);
    }

    /// <summary>What was recorded since <see cref="BeginCapture"/>.</summary>
    public CudaGraph EndCapture()
    {
        Context.MakeCurrent();
        nint graph;
        Driver.cuStreamEndCapture(handle, &graph).ThrowIfFailed(Driver);
        return new CudaGraph(Context, graph);
    }

    /// <summary>Ends a recording whose work failed. The driver may have given it up already, which is no news: the failure is under way.</summary>
    public void AbandonCapture()
    {
        Context.MakeCurrent();
        nint graph;
        if (Driver.cuStreamEndCapture(handle, &graph) == CudaStatus.Success)
        {
            _ = Driver.cuGraphDestroy(graph);
        }
    }

    /// <inheritdoc/>
    protected override CudaStatus Release(nint handle) => Driver.cuStreamDestroy_v2(handle);
}
