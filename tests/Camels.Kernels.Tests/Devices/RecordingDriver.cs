using System.Runtime.InteropServices;
using System.Text;
using Camels.Kernels.Interop;
using Camels.Testing;

namespace Camels.Kernels.Tests.Devices;

/// <summary>
/// A driver table whose memory is the host's and whose kernels do nothing: it counts calls and answers what a test tells it to. What kernels
/// compute is the PTX machine's matter; this shows what the code above the table asks for. One at a time.
/// </summary>
internal static unsafe class RecordingDriver
{
    /// <summary>The collection of tests that share it.</summary>
    public const string Alone = "recording driver";

    private static readonly byte* _text = (byte*)Marshal.StringToCoTaskMemUTF8("as the test says");
    private static readonly byte* _name = (byte*)Marshal.StringToCoTaskMemUTF8("CUDA_ERROR_OF_TEST");

    public static int Version { get; set; }

    public static int Devices { get; set; }

    public static int Major { get; set; }

    public static int Minor { get; set; }

    public static long FreeBytes { get; set; }

    /// <summary>The most shared memory of a block.</summary>
    public static int SharedBytes { get; set; }

    public static CudaStatus InitStatus { get; set; }

    /// <summary>What the next synchronisation and everything behind it returns.</summary>
    public static CudaStatus StickyStatus { get; set; }

    public static int Allocations { get; private set; }

    public static int LiveBlocks { get; private set; }

    public static int Launches { get; private set; }

    public static int ModuleLoads { get; private set; }

    /// <summary>The number of the load that is refused, from 1; 0 for none.</summary>
    public static int RefusedLoad { get; set; }

    public static uint LastGridX { get; private set; }

    /// <summary>The first of the last launch, if they are asked for.</summary>
    public static long[] LastArguments { get; } = new long[4];

    /// <summary>How many arguments of 8 bytes to keep of a launch: as many as all launches have.</summary>
    public static int KeptArguments { get; set; }

    public static CudaDriver Create()
    {
        Version = 12080;
        Devices = 1;
        Major = 8;
        Minor = 0;
        FreeBytes = 1L << 34;
        SharedBytes = global::Camels.Kernels.PtxMachine.SharedBytes90;
        InitStatus = CudaStatus.Success;
        StickyStatus = CudaStatus.Success;
        Allocations = LiveBlocks = Launches = ModuleLoads = RefusedLoad = KeptArguments = 0;
        return new CudaDriver
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
            cuDevicePrimaryCtxRetain = &PrimaryCtxRetain,
            cuDevicePrimaryCtxRelease_v2 = &PrimaryCtxRelease,
            cuCtxSetCurrent = &Take,
            cuMemGetInfo_v2 = &MemGetInfo,
            cuMemAlloc_v2 = &MemAlloc,
            cuMemFree_v2 = &MemFree,
            cuMemHostAlloc = &MemHostAlloc,
            cuMemFreeHost = &MemFreeHost,
            cuMemcpyHtoDAsync_v2 = &CopyToDevice,
            cuMemcpyDtoHAsync_v2 = &CopyToHost,
            cuMemcpyDtoDAsync_v2 = &Copy,
            cuMemsetD8Async = &Fill,
            cuStreamCreate = &StreamCreate,
            cuStreamDestroy_v2 = &Take,
            cuStreamSynchronize = &Synchronize,
            cuEventCreate = &StreamCreate,
            cuEventRecord = &TakeTwo,
            cuEventSynchronize = &Synchronize,
            cuEventDestroy_v2 = &Take,
            cuModuleLoadDataEx = &ModuleLoad,
            cuModuleUnload = &Take,
            cuModuleGetFunction = &ModuleGetFunction,
            cuFuncGetAttribute = &FuncGetAttribute,
            cuFuncSetAttribute = &FuncSetAttribute,
            cuLaunchKernel = &Launch,
            cuTensorMapEncodeTiled = PtxDriver.Table.cuTensorMapEncodeTiled,
        };
    }

    /// <summary>A device that takes kernels of <paramref name="target"/>.</summary>
    public static Device Open(string target)
    {
        CudaDriver driver = Create();
        Major = target == "sm_90a" ? 9 : 8;
        return Device.OpenOn(driver, DeviceKind.Cuda, ordinal: 0, "cuda:0");
    }

    /// <summary>Makes the launches of a case.</summary>
    public static void Run(OpCase opCase, Device device, DType dtype)
    {
        using OpRun run = new(opCase, device, dtype, dtype);
        run.RunForward();
        if (opCase.Backward is not null)
        {
            run.RunBackward();
        }
    }

    /// <summary>The case of an operator in which the most kernels have more than one block, and of several such the smallest.</summary>
    public static OpCase SmallestOfSeveralBlocks(string op, string target)
    {
        using Device device = Open(target);
        HashSet<string> several = [];
        device.Cuda!.Launching = (Kernel kernel, in LaunchSize size, ReadOnlySpan<KernelArgument> arguments) =>
        {
            if (size.X * size.Y * size.Z > 1)
            {
                _ = several.Add(kernel.Entry);
            }
        };
        return OpCases.All[op]().MinBy(opCase =>
        {
            several.Clear();
            Run(opCase, device, DType.BF16);
            return (-several.Count, opCase.Tensors.Sum(tensor => new Shape(tensor.Extents).Elements));
        })!;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus Init(uint flags) => InitStatus;

    [UnmanagedCallersOnly]
    private static CudaStatus DriverGetVersion(int* version) => Answer(version, Version);

    [UnmanagedCallersOnly]
    private static CudaStatus GetErrorName(CudaStatus status, byte** name)
    {
        *name = _name;
        return CudaStatus.Success;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus GetErrorString(CudaStatus status, byte** text)
    {
        *text = _text;
        return CudaStatus.Success;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus DeviceGetCount(int* count) => Answer(count, Devices);

    [UnmanagedCallersOnly]
    private static CudaStatus DeviceGet(int* device, int ordinal) => Answer(device, ordinal);

    [UnmanagedCallersOnly]
    private static CudaStatus DeviceGetName(byte* name, int length, int device)
    {
        Encoding.UTF8.GetBytes("Test GPU\0").CopyTo(new Span<byte>(name, length));
        return CudaStatus.Success;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus DeviceGetAttribute(int* value, CudaDeviceAttribute attribute, int device) => Answer(
        value, attribute switch
        {
            CudaDeviceAttribute.CapabilityMajor => Major,
            CudaDeviceAttribute.CapabilityMinor => Minor,
            CudaDeviceAttribute.SharedBytesPerBlockOptIn => SharedBytes,
            _ => 100,
        });

    [UnmanagedCallersOnly]
    private static CudaStatus DeviceTotalMem(nuint* bytes, int device)
    {
        *bytes = (nuint)1 << 34;
        return CudaStatus.Success;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus PrimaryCtxRetain(nint* context, int device)
    {
        *context = 0x1000;
        return CudaStatus.Success;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus PrimaryCtxRelease(int device) => CudaStatus.Success;

    [UnmanagedCallersOnly]
    private static CudaStatus Take(nint handle) => CudaStatus.Success;

    [UnmanagedCallersOnly]
    private static CudaStatus TakeTwo(nint first, nint second) => CudaStatus.Success;

    [UnmanagedCallersOnly]
    private static CudaStatus Synchronize(nint handle) => StickyStatus;

    [UnmanagedCallersOnly]
    private static CudaStatus MemGetInfo(nuint* free, nuint* total)
    {
        *free = (nuint)FreeBytes;
        *total = (nuint)1 << 34;
        return CudaStatus.Success;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus MemAlloc(nint* address, nuint bytes)
    {
        if ((long)bytes > FreeBytes)
        {
            return CudaStatus.OutOfMemory;
        }

        Allocations++;
        LiveBlocks++;
        *address = (nint)NativeMemory.AlignedAlloc(bytes, 256);
        new Span<byte>((void*)*address, (int)bytes).Fill(0xFF);
        return CudaStatus.Success;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus MemFree(nint address)
    {
        LiveBlocks--;
        NativeMemory.AlignedFree((void*)address);
        return CudaStatus.Success;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus MemHostAlloc(void** address, nuint bytes, uint flags)
    {
        LiveBlocks++;
        *address = NativeMemory.AlignedAlloc(bytes, 256);
        return CudaStatus.Success;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus MemFreeHost(void* address)
    {
        LiveBlocks--;
        NativeMemory.AlignedFree(address);
        return CudaStatus.Success;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus CopyToDevice(nint destination, void* source, nuint bytes, nint stream) => Move((void*)destination, source, bytes);

    [UnmanagedCallersOnly]
    private static CudaStatus CopyToHost(void* destination, nint source, nuint bytes, nint stream) => Move(destination, (void*)source, bytes);

    [UnmanagedCallersOnly]
    private static CudaStatus Copy(nint destination, nint source, nuint bytes, nint stream) => Move((void*)destination, (void*)source, bytes);

    [UnmanagedCallersOnly]
    private static CudaStatus Fill(nint destination, byte value, nuint bytes, nint stream)
    {
        NativeMemory.Fill((void*)destination, bytes, value);
        return CudaStatus.Success;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus StreamCreate(nint* handle, uint flags)
    {
        *handle = 0x2000;
        return CudaStatus.Success;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus ModuleLoad(nint* module, void* image, uint options, int* names, void** values)
    {
        *module = 0x3000;
        return ++ModuleLoads == RefusedLoad ? CudaStatus.InvalidPtx : CudaStatus.Success;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus ModuleGetFunction(nint* function, nint module, byte* name)
    {
        *function = 0x4000;
        return CudaStatus.Success;
    }

    [UnmanagedCallersOnly]
    private static CudaStatus FuncGetAttribute(int* value, CudaFunctionAttribute attribute, nint function) => Answer(value, 0);

    [UnmanagedCallersOnly]
    private static CudaStatus FuncSetAttribute(nint function, CudaFunctionAttribute attribute, int value) =>
        value <= SharedBytes ? CudaStatus.Success : CudaStatus.InvalidValue;

    [UnmanagedCallersOnly]
    private static CudaStatus Launch(
        nint function, uint gridX, uint gridY, uint gridZ, uint blockX, uint blockY, uint blockZ, uint sharedBytes, nint stream, void** arguments,
        void** extra)
    {
        Launches++;
        LastGridX = gridX;
        for (int i = 0; i < KeptArguments; i++)
        {
            LastArguments[i] = *(long*)arguments[i];
        }

        return CudaStatus.Success;
    }

    private static CudaStatus Answer(int* place, int value)
    {
        *place = value;
        return CudaStatus.Success;
    }

    private static CudaStatus Move(void* destination, void* source, nuint bytes)
    {
        Buffer.MemoryCopy(source, destination, bytes, bytes);
        return CudaStatus.Success;
    }
}
