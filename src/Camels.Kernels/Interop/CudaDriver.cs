namespace Camels.Kernels.Interop;

/// <summary>
/// The CUDA driver as a table of unmanaged function pointers. From the machine's library a function that an older driver lacks is a null
/// field, not a crash; the PTX machine's stand-in driver fills the same table with its own functions, so that everything above runs
/// without a GPU. The names are the driver's own. Every call returns a status and goes through <see cref="NativeStatus.ThrowIfFailed"/>.
/// </summary>
internal sealed unsafe class CudaDriver
{
#pragma warning disable IDE1006 // the driver's names
    public delegate* unmanaged<uint, CudaStatus> cuInit;
    public delegate* unmanaged<int*, CudaStatus> cuDriverGetVersion;
    public delegate* unmanaged<CudaStatus, byte**, CudaStatus> cuGetErrorName;
    public delegate* unmanaged<CudaStatus, byte**, CudaStatus> cuGetErrorString;
    public delegate* unmanaged<int*, CudaStatus> cuDeviceGetCount;
    public delegate* unmanaged<int*, int, CudaStatus> cuDeviceGet;
    public delegate* unmanaged<byte*, int, int, CudaStatus> cuDeviceGetName;
    public delegate* unmanaged<int*, CudaDeviceAttribute, int, CudaStatus> cuDeviceGetAttribute;
    public delegate* unmanaged<nuint*, int, CudaStatus> cuDeviceTotalMem_v2;
    public delegate* unmanaged<nint*, int, CudaStatus> cuDevicePrimaryCtxRetain;
    public delegate* unmanaged<int, CudaStatus> cuDevicePrimaryCtxRelease_v2;
    public delegate* unmanaged<nint, CudaStatus> cuCtxSetCurrent;
    public delegate* unmanaged<nuint*, nuint*, CudaStatus> cuMemGetInfo_v2;
    public delegate* unmanaged<nint*, nuint, CudaStatus> cuMemAlloc_v2;
    public delegate* unmanaged<nint, CudaStatus> cuMemFree_v2;
    public delegate* unmanaged<void**, nuint, uint, CudaStatus> cuMemHostAlloc;
    public delegate* unmanaged<void*, CudaStatus> cuMemFreeHost;
    public delegate* unmanaged<nint, void*, nuint, nint, CudaStatus> cuMemcpyHtoDAsync_v2;
    public delegate* unmanaged<void*, nint, nuint, nint, CudaStatus> cuMemcpyDtoHAsync_v2;
    public delegate* unmanaged<nint, nint, nuint, nint, CudaStatus> cuMemcpyDtoDAsync_v2;
    public delegate* unmanaged<nint, byte, nuint, nint, CudaStatus> cuMemsetD8Async;
    public delegate* unmanaged<nint*, uint, CudaStatus> cuStreamCreate;
    public delegate* unmanaged<nint, CudaStatus> cuStreamDestroy_v2;
    public delegate* unmanaged<nint, CudaStatus> cuStreamSynchronize;
    public delegate* unmanaged<nint, nint, uint, CudaStatus> cuStreamWaitEvent;
    public delegate* unmanaged<nint, int, CudaStatus> cuStreamBeginCapture_v2;
    public delegate* unmanaged<nint, nint*, CudaStatus> cuStreamEndCapture;
    public delegate* unmanaged<nint*, nint, ulong, CudaStatus> cuGraphInstantiateWithFlags;
    public delegate* unmanaged<nint, nint, CudaStatus> cuGraphLaunch;
    public delegate* unmanaged<nint, CudaStatus> cuGraphDestroy;
    public delegate* unmanaged<nint, CudaStatus> cuGraphExecDestroy;
    public delegate* unmanaged<nint*, uint, CudaStatus> cuEventCreate;
    public delegate* unmanaged<nint, nint, CudaStatus> cuEventRecord;
    public delegate* unmanaged<nint, CudaStatus> cuEventSynchronize;
    public delegate* unmanaged<float*, nint, nint, CudaStatus> cuEventElapsedTime;
    public delegate* unmanaged<nint, CudaStatus> cuEventDestroy_v2;
    public delegate* unmanaged<nint*, void*, uint, int*, void**, CudaStatus> cuModuleLoadDataEx;
    public delegate* unmanaged<nint, CudaStatus> cuModuleUnload;
    public delegate* unmanaged<nint*, nint, byte*, CudaStatus> cuModuleGetFunction;
    public delegate* unmanaged<int*, CudaFunctionAttribute, nint, CudaStatus> cuFuncGetAttribute;
    public delegate* unmanaged<nint, CudaFunctionAttribute, int, CudaStatus> cuFuncSetAttribute;
    public delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, CudaStatus> cuLaunchKernel;

    // Absent from older drivers: null there.
    public delegate* unmanaged<void*, int, uint, void*, ulong*, ulong*, uint*, uint*, int, int, int, int, CudaStatus> cuTensorMapEncodeTiled;
#pragma warning restore IDE1006

    // Of the functions that a driver lacks.
    private const int MostNamed = 3;

    /// <summary>The machine's own driver, or null and the reason in one sentence.</summary>
    public static CudaDriver? FromMachine(out string reason) => FromLibraries(NativeLibraries.CudaNames, out reason);

    /// <summary>The first library of <paramref name="names"/> that is there as a driver, or null and the reason in one sentence.</summary>
    public static CudaDriver? FromLibraries(ReadOnlySpan<string> names, out string reason)
    {
        nint library = NativeLibraries.LoadFirst(names);
        if (library == 0)
        {
            reason = $"no CUDA driver library ({names[0]}) on this machine";
            return null;
        }

        List<string> missing = [];
        CudaDriver driver = FromLibrary(library, missing);
        string others = missing.Count <= MostNamed ? "" : $" and {missing.Count - MostNamed} others";
        reason = $"the CUDA driver of this machine lacks {string.Join(", ", missing.Take(MostNamed))}{others}: update it to CUDA 11.8 or later";
        return missing.Count == 0 ? driver : null;
    }

    private static CudaDriver FromLibrary(nint library, List<string> missing)
    {
        nint Required(string name)
        {
            nint address = NativeLibraries.Find(library, name);
            if (address == 0)
            {
                missing.Add(name);
            }

            return address;
        }

        return new CudaDriver
        {
            cuInit = (delegate* unmanaged<uint, CudaStatus>)Required(nameof(cuInit)),
            cuDriverGetVersion = (delegate* unmanaged<int*, CudaStatus>)Required(nameof(cuDriverGetVersion)),
            cuGetErrorName = (delegate* unmanaged<CudaStatus, byte**, CudaStatus>)Required(nameof(cuGetErrorName)),
            cuGetErrorString = (delegate* unmanaged<CudaStatus, byte**, CudaStatus>)Required(nameof(cuGetErrorString)),
            cuDeviceGetCount = (delegate* unmanaged<int*, CudaStatus>)Required(nameof(cuDeviceGetCount)),
            cuDeviceGet = (delegate* unmanaged<int*, int, CudaStatus>)Required(nameof(cuDeviceGet)),
            cuDeviceGetName = (delegate* unmanaged<byte*, int, int, CudaStatus>)Required(nameof(cuDeviceGetName)),
            cuDeviceGetAttribute = (delegate* unmanaged<int*, CudaDeviceAttribute, int, CudaStatus>)Required(nameof(cuDeviceGetAttribute)),
            cuDeviceTotalMem_v2 = (delegate* unmanaged<nuint*, int, CudaStatus>)Required(nameof(cuDeviceTotalMem_v2)),
            cuDevicePrimaryCtxRetain = (delegate* unmanaged<nint*, int, CudaStatus>)Required(nameof(cuDevicePrimaryCtxRetain)),
            cuDevicePrimaryCtxRelease_v2 = (delegate* unmanaged<int, CudaStatus>)Required(nameof(cuDevicePrimaryCtxRelease_v2)),
            cuCtxSetCurrent = (delegate* unmanaged<nint, CudaStatus>)Required(nameof(cuCtxSetCurrent)),
            cuMemGetInfo_v2 = (delegate* unmanaged<nuint*, nuint*, CudaStatus>)Required(nameof(cuMemGetInfo_v2)),
            cuMemAlloc_v2 = (delegate* unmanaged<nint*, nuint, CudaStatus>)Required(nameof(cuMemAlloc_v2)),
            cuMemFree_v2 = (delegate* unmanaged<nint, CudaStatus>)Required(nameof(cuMemFree_v2)),
            cuMemHostAlloc = (delegate* unmanaged<void**, nuint, uint, CudaStatus>)Required(nameof(cuMemHostAlloc)),
            cuMemFreeHost = (delegate* unmanaged<void*, CudaStatus>)Required(nameof(cuMemFreeHost)),
            cuMemcpyHtoDAsync_v2 = (delegate* unmanaged<nint, void*, nuint, nint, CudaStatus>)Required(nameof(cuMemcpyHtoDAsync_v2)),
            cuMemcpyDtoHAsync_v2 = (delegate* unmanaged<void*, nint, nuint, nint, CudaStatus>)Required(nameof(cuMemcpyDtoHAsync_v2)),
            cuMemcpyDtoDAsync_v2 = (delegate* unmanaged<nint, nint, nuint, nint, CudaStatus>)Required(nameof(cuMemcpyDtoDAsync_v2)),
            cuMemsetD8Async = (delegate* unmanaged<nint, byte, nuint, nint, CudaStatus>)Required(nameof(cuMemsetD8Async)),
            cuStreamCreate = (delegate* unmanaged<nint*, uint, CudaStatus>)Required(nameof(cuStreamCreate)),
            cuStreamDestroy_v2 = (delegate* unmanaged<nint, CudaStatus>)Required(nameof(cuStreamDestroy_v2)),
            cuStreamSynchronize = (delegate* unmanaged<nint, CudaStatus>)Required(nameof(cuStreamSynchronize)),
            cuStreamWaitEvent = (delegate* unmanaged<nint, nint, uint, CudaStatus>)Required(nameof(cuStreamWaitEvent)),
            cuStreamBeginCapture_v2 = (delegate* unmanaged<nint, int, CudaStatus>)Required(nameof(cuStreamBeginCapture_v2)),
            cuStreamEndCapture = (delegate* unmanaged<nint, nint*, CudaStatus>)Required(nameof(cuStreamEndCapture)),
            cuGraphInstantiateWithFlags =
                (delegate* unmanaged<nint*, nint, ulong, CudaStatus>)Required(nameof(cuGraphInstantiateWithFlags)),
            cuGraphLaunch = (delegate* unmanaged<nint, nint, CudaStatus>)Required(nameof(cuGraphLaunch)),
            cuGraphDestroy = (delegate* unmanaged<nint, CudaStatus>)Required(nameof(cuGraphDestroy)),
            cuGraphExecDestroy = (delegate* unmanaged<nint, CudaStatus>)Required(nameof(cuGraphExecDestroy)),
            cuEventCreate = (delegate* unmanaged<nint*, uint, CudaStatus>)Required(nameof(cuEventCreate)),
            cuEventRecord = (delegate* unmanaged<nint, nint, CudaStatus>)Required(nameof(cuEventRecord)),
            cuEventSynchronize = (delegate* unmanaged<nint, CudaStatus>)Required(nameof(cuEventSynchronize)),
            cuEventElapsedTime = (delegate* unmanaged<float*, nint, nint, CudaStatus>)Required(nameof(cuEventElapsedTime)),
            cuEventDestroy_v2 = (delegate* unmanaged<nint, CudaStatus>)Required(nameof(cuEventDestroy_v2)),
            cuModuleLoadDataEx = (delegate* unmanaged<nint*, void*, uint, int*, void**, CudaStatus>)Required(nameof(cuModuleLoadDataEx)),
            cuModuleUnload = (delegate* unmanaged<nint, CudaStatus>)Required(nameof(cuModuleUnload)),
            cuModuleGetFunction = (delegate* unmanaged<nint*, nint, byte*, CudaStatus>)Required(nameof(cuModuleGetFunction)),
            cuFuncGetAttribute = (delegate* unmanaged<int*, CudaFunctionAttribute, nint, CudaStatus>)Required(nameof(cuFuncGetAttribute)),
            cuFuncSetAttribute = (delegate* unmanaged<nint, CudaFunctionAttribute, int, CudaStatus>)Required(nameof(cuFuncSetAttribute)),
            cuLaunchKernel =
                (delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, CudaStatus>)
                Required(nameof(cuLaunchKernel)),
            cuTensorMapEncodeTiled =
                (delegate* unmanaged<void*, int, uint, void*, ulong*, ulong*, uint*, uint*, int, int, int, int, CudaStatus>)
                NativeLibraries.Find(library, nameof(cuTensorMapEncodeTiled)),
        };
    }
}
