namespace Camels.Kernels.Interop;

/// <summary>Work recorded from a stream, given again with one call: what saves the time of many launches.</summary>
internal sealed unsafe class CudaGraph : CudaOwned
{
    /// <param name="context">Where it lives.</param>
    /// <param name="graph">The recorded graph, which is given back here.</param>
    public CudaGraph(CudaContext context, nint graph)
        : base(context)
    {
        nint executable;
        CudaStatus status = Driver.cuGraphInstantiateWithFlags(&executable, graph, 0);
        Driver.cuGraphDestroy(graph).ThrowIfFailed(Driver);
        status.ThrowIfFailed(Driver, nameof(CudaDriver.cuGraphInstantiateWithFlags));
        SetHandle(executable);
    }

    /// <summary>Gives the recorded work to <paramref name="stream"/>.</summary>
    public void Launch(CudaStream stream)
    {
        Context.MakeCurrent();
        Driver.cuGraphLaunch(handle, stream.Raw).ThrowIfFailed(Driver);
    }

    /// <inheritdoc/>
    protected override CudaStatus Release(nint handle) => Driver.cuGraphExecDestroy(handle);
}
