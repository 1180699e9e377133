using System.Runtime.InteropServices;
using System.Text;
using Camels.Kernels.Interop;

namespace Camels.Kernels;

/// <summary>
/// A CUDA driver's functions over the PTX machine. Every open emulated device is one of the driver's devices; a context's handle is the
/// device's number and one. Work waits in its stream until somebody waits for it (<see cref="PtxQueues"/>).
/// </summary>
internal static unsafe partial class PtxDriver
{
    private const int Version = 12000;

    private static readonly Lock _gate = new();
    private static readonly List<PtxDevice?> _devices = [];
    private static readonly byte* _name = (byte*)Marshal.StringToCoTaskMemUTF8("emulated");
    private static byte* _text = (byte*)Marshal.StringToCoTaskMemUTF8("");

    [ThreadStatic]
    private static PtxDevice? _current;

    /// <summary>The table.</summary>
    public static CudaDriver Table { get; } = Create();

    /// <summary>Adds a device and returns its number.</summary>
    public static int Add(string target, PtxOptions options)
    {
        lock (_gate)
        {
            _devices.Add(new PtxDevice(_devices.Count, target, options));
            return _devices.Count - 1;
        }
    }

    /// <summary>The device of a number.</summary>
    public static PtxDevice Device(int ordinal)
    {
        lock (_gate)
        {
            return _devices[ordinal]!;
        }
    }

    private static CudaDriver Create() => new()
    {
        cuInit = &Init,
        cuDriverGetVersion = &DriverGetVersion,
        cuGetErrorName = &GetErrorName,
        cuGetErrorString = &GetErrorString,
        cuDeviceGetCount = &DeviceGetCount,
        cuDeviceGet = &DeviceGet,
        cuDeviceGetName = &DeviceGetName,
        cuDeviceGetAttribute = &DeviceGetAttribute,
        cuDeviceTotalMem_v2 = &DeviceTotalMem,
        cuDevicePrimaryCtxRetain = &ContextRetain,
        cuDevicePrimaryCtxRelease_v2 = &ContextRelease,
        cuCtxSetCurrent = &ContextSetCurrent,
        cuMemGetInfo_v2 = &MemoryGetInfo,
        cuMemAlloc_v2 = &MemoryAllocate,
        cuMemFree_v2 = &MemoryFree,
        cuMemHostAlloc = &HostAllocate,
        cuMemFreeHost = &HostFree,
        cuMemcpyHtoDAsync_v2 = &CopyToDevice,
        cuMemcpyDtoHAsync_v2 = &CopyToHost,
        cuMemcpyDtoDAsync_v2 = &Copy,
        cuMemsetD8Async = &Fill,
        cuStreamCreate = &CreateStream,
        cuStreamDestroy_v2 = &Destroy,
        cuStreamSynchronize = &Synchronize,
        cuStreamWaitEvent = &WaitEvent,
        cuStreamBeginCapture_v2 = &BeginCapture,
        cuStreamEndCapture = &EndCapture,
        cuGraphInstantiateWithFlags = &InstantiateGraph,
        cuGraphLaunch = &LaunchGraph,
        cuGraphDestroy = &Destroy,
        cuGraphExecDestroy = &Destroy,
        cuEventCreate = &CreateEvent,
        cuEventRecord = &RecordEvent,
        cuEventSynchronize = &Synchronize,
        cuEventElapsedTime = &ElapsedTime,
        cuEventDestroy_v2 = &Destroy,
        cuModuleLoadDataEx = &ModuleLoad,
        cuModuleUnload = &Accept,
        cuModuleGetFunction = &ModuleGetFunction,
        cuFuncGetAttribute = &FunctionGetAttribute,
        cuFuncSetAttribute = &FunctionSetAttribute,
        cuLaunchKernel = &Launch,
        cuTensorMapEncodeTiled = &EncodeTensorMap,
    };

    [UnmanagedCallersOnly]
    private static CudaStatus Init(uint flags) => CudaStatus.Success;

    [UnmanagedCallersOnly]
    private static CudaStatus DriverGetVersion(int* version) => Answer(version, Version);

    [UnmanagedCallersOnly]
    private static CudaStatus GetErrorName(CudaStatus status, byte** name)
    {
        *name = _name;
        return CudaStatus.Success;
    }

    // The device's own explanation, which is more than a driver's.
    [UnmanagedCallersOnly]
    private static CudaStatus GetErrorString(CudaStatus status, byte** text)
    {
        lock (_gate)
        {
            Marshal.FreeCoTaskMem((nint)_text);
            _text = (byte*)Marshal.StringToCoTaskMemUTF8(_current is { Explanation.Length: > 0 } device ? device.Explanation : status.ToString());
            *text = _text;
        }

        return CudaStatus.Success;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus DeviceGetCount(int* count)
    {
        lock (_gate)
        {
            return Answer(count, _devices.Count);
        }
    }

    [UnmanagedCallersOnly]
    private static CudaStatus DeviceGet(int* device, int ordinal) => Answer(device, ordinal);

    [UnmanagedCallersOnly]
    private static CudaStatus DeviceGetName(byte* name, int length, int device)
    {
        Encoding.UTF8.GetBytes("PTX machine\0").CopyTo(new Span<byte>(name, length));
        return CudaStatus.Success;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus DeviceGetAttribute(int* value, CudaDeviceAttribute attribute, int device)
    {
        bool isHopper = Device(device).Target == "sm_90a";
        return Answer(value, attribute switch
        {
            CudaDeviceAttribute.CapabilityMajor => isHopper ? 9 : 8,
            CudaDeviceAttribute.CapabilityMinor => 0,
            CudaDeviceAttribute.Multiprocessors => PtxMachine.Multiprocessors,
            CudaDeviceAttribute.SharedBytesPerBlockOptIn => isHopper ? PtxMachine.SharedBytes90 : PtxMachine.SharedBytes80,
            _ => 1 << 20,
        });
    }

    [UnmanagedCallersOnly]
    private static CudaStatus DeviceTotalMem(nuint* bytes, int device)
    {
        *bytes = (nuint)Device(device).MemoryBytes;
        return CudaStatus.Success;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus ContextRetain(nint* context, int device)
    {
        *context = device + 1;
        return CudaStatus.Success;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus ContextRelease(int device)
    {
        lock (_gate)
        {
            _devices[device]?.Dispose();
            _devices[device] = null;
        }

        return CudaStatus.Success;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus ContextSetCurrent(nint context)
    {
        lock (_gate)
        {
            _current = _devices[(int)context - 1];
        }

        return CudaStatus.Success;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus MemoryGetInfo(nuint* free, nuint* total)
    {
        *free = (nuint)Math.Max(0, _current!.MemoryBytes - _current.Memory.LiveBytes);
        *total = (nuint)_current.MemoryBytes;
        return CudaStatus.Success;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus MemoryAllocate(nint* address, nuint bytes)
    {
        try
        {
            CudaStatus status = _current!.Run(() => _current.RequireNoCapture("allocates"));
            *address = status == CudaStatus.Success ? _current.Allocate((long)bytes) : 0;
            return status;
        }
        catch (OutOfMemoryException)
        {
            return CudaStatus.OutOfMemory;
        }
    }

    // A driver waits for the device before it takes memory back.
    [UnmanagedCallersOnly]
    private static CudaStatus MemoryFree(nint address) => _current!.Run(() =>
    {
        _current.SynchronizeAll();
        _current.Memory.Free((ulong)address);
    });

    [UnmanagedCallersOnly]
    private static CudaStatus ModuleLoad(nint* module, void* image, uint options, int* names, void** values)
    {
        string text = Marshal.PtrToStringUTF8((nint)image)!;
        nint loaded = 0;
        CudaStatus status = _current!.Run(() => loaded = _current.Load(text));
        *module = loaded;
        return status;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus ModuleGetFunction(nint* function, nint module, byte* name)
    {
        *function = _current!.Find(module, Marshal.PtrToStringUTF8((nint)name)!);
        return *function == 0 ? CudaStatus.NotFound : CudaStatus.Success;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus FunctionGetAttribute(int* value, CudaFunctionAttribute attribute, nint function) => Answer(
        value, attribute == CudaFunctionAttribute.Registers ? _current!.Function(function).LiveRegisters : 0);

    [UnmanagedCallersOnly]
    private static CudaStatus Accept(nint handle) => CudaStatus.Success;

    [UnmanagedCallersOnly]
    private static CudaStatus FunctionSetAttribute(nint function, CudaFunctionAttribute attribute, int value) => CudaStatus.Success;

    // Matrices only: two dimensions, steps of 1, zeros outside.
    [UnmanagedCallersOnly]
    private static CudaStatus EncodeTensorMap(
        void* map, int type, uint rank, void* address, ulong* extents, ulong* strides, uint* box, uint* steps, int interleave, int swizzle,
        int promotion, int fill)
    {
        const int Float32 = 7;
        if (rank != 2 || steps[0] != 1 || steps[1] != 1 || interleave != 0 || fill != 0 || swizzle is < 0 or > 3 || (ulong)map % 64 != 0)
        {
            return CudaStatus.InvalidValue;
        }

        PtxTensorMap? encoded = PtxTensorMap.Encode(
            (ulong)address, extents[0], extents[1], strides[0], box[0], box[1], type == Float32 ? sizeof(float) : sizeof(ushort),
            swizzle == 0 ? 0 : 16 << swizzle, out string _);
        *(PtxTensorMap*)map = encoded ?? default;
        return encoded is null ? CudaStatus.InvalidValue : CudaStatus.Success;
    }

    private static CudaStatus Answer(int* place, int value)
    {
        *place = value;
        return CudaStatus.Success;
    }
}
