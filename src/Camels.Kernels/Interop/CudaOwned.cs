using System.Runtime.InteropServices;

namespace Camels.Kernels.Interop;

/// <summary>One thing that the driver owns for us inside a context, which lives at least as long.</summary>
internal abstract unsafe class CudaOwned : SafeHandle
{
    private readonly CudaContext _context;

    /// <param name="context">Where the thing lives.</param>
    protected CudaOwned(CudaContext context)
        : base(invalidHandleValue: 0, ownsHandle: true)
    {
        bool isReferenced = false;
        context.DangerousAddRef(ref isReferenced);
        _context = context;
    }

    /// <inheritdoc/>
    public sealed override bool IsInvalid => handle == 0;

    /// <summary>The driver's handle or address; valid until disposed.</summary>
    public nint Raw => handle;

    /// <summary>Where the thing lives.</summary>
    protected CudaContext Context => _context;

    /// <summary>The table of calls.</summary>
    protected CudaDriver Driver => _context.Driver;

    /// <summary>The driver's call that gives the thing back; the context is current.</summary>
    protected abstract CudaStatus Release(nint handle);

    /// <inheritdoc/>
    protected sealed override bool ReleaseHandle()
    {
        bool isSet = Driver.cuCtxSetCurrent(_context.DangerousGetHandle()) == CudaStatus.Success;
        bool isReleased = isSet && Release(handle) == CudaStatus.Success;
        CudaContext.Forget();
        _context.DangerousRelease();
        return isReleased;
    }
}
