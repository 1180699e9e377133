using System.Runtime.InteropServices;
using System.Text;

namespace Camels.Kernels.Interop;

/// <summary>The primary context of one GPU, shared by everything that the program owns on it; released with the last of these.</summary>
internal sealed unsafe class CudaContext : SafeHandle
{
    // What a driver of CUDA 11.8 and of 12.0 reports; the first knows the PTX of sm_80, the second that of sm_90a.
    private const int VersionForSm80 = 11080;
    private const int VersionForSm90A = 12000;

    [ThreadStatic]
    private static CudaContext? _current;

    private CudaContext(CudaDriver driver, int device)
        : base(invalidHandleValue: 0, ownsHandle: true)
    {
        Driver = driver;
        Device = device;
    }

    /// <summary>The table of calls.</summary>
    public CudaDriver Driver { get; }

    /// <summary>The driver's number of the GPU.</summary>
    public int Device { get; }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>Initialises the driver and says how many GPUs it shows.</summary>
    /// <exception cref="NativeException">Missing: the driver does not start, with its own reason.</exception>
    public static int CountDevices(CudaDriver driver)
    {
        CudaStatus status = driver.cuInit(0);
        if (status == CudaStatus.NoDevice)
        {
            return 0;
        }

        if (status != CudaStatus.Success)
        {
            throw new NativeException(
                NativeFailure.Missing, $"the CUDA driver of this machine does not start: {NativeStatus.Describe(status, driver)}", (int)status);
        }

        int count;
        driver.cuDeviceGetCount(&count).ThrowIfFailed(driver);
        return count;
    }

    /// <summary>The driver's version as it reports it: 12040 is CUDA 12.4.</summary>
    public static int Version(CudaDriver driver)
    {
        int version;
        driver.cuDriverGetVersion(&version).ThrowIfFailed(driver);
        return version;
    }

    /// <summary>What is known of GPU <paramref name="ordinal"/> without opening it.</summary>
    public static CudaProperties Properties(CudaDriver driver, int ordinal)
    {
        int device;
        driver.cuDeviceGet(&device, ordinal).ThrowIfFailed(driver);
        byte* name = stackalloc byte[256];
        driver.cuDeviceGetName(name, 256, device).ThrowIfFailed(driver);
        nuint bytes;
        driver.cuDeviceTotalMem_v2(&bytes, device).ThrowIfFailed(driver);
        return new CudaProperties(
            ordinal,
            Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name)),
            Attribute(driver, device, CudaDeviceAttribute.CapabilityMajor),
            Attribute(driver, device, CudaDeviceAttribute.CapabilityMinor),
            Attribute(driver, device, CudaDeviceAttribute.Multiprocessors),
            Attribute(driver, device, CudaDeviceAttribute.SharedBytesPerBlockOptIn),
            Attribute(driver, device, CudaDeviceAttribute.L2Bytes),
            (long)bytes);
    }

    /// <summary>The kernels that a GPU of this capability runs under this driver.</summary>
    /// <exception cref="NativeException">Missing: the GPU or the driver is too old.</exception>
    public static string TargetOf(CudaDriver driver, CudaProperties properties)
    {
        int version = Version(driver);
        if (properties.Major < 8)
        {
            throw new NativeException(
                NativeFailure.Missing,
                $"GPU {properties.Ordinal} ({properties.Name}) has compute capability {properties.Major}.{properties.Minor}; the kernels need 8.0 or later");
        }

        if (version < VersionForSm80)
        {
            throw new NativeException(
                NativeFailure.Missing,
                $"the CUDA driver of this machine is version {version / 1000}.{version % 1000 / 10}; the kernels need 11.8 or later: update it");
        }

        return properties is { Major: 9, Minor: 0 } && version >= VersionForSm90A ? "sm_90a" : "sm_80";
    }

    /// <summary>Opens GPU <paramref name="ordinal"/>.</summary>
    public static CudaContext Open(CudaDriver driver, int ordinal)
    {
        int device;
        driver.cuDeviceGet(&device, ordinal).ThrowIfFailed(driver);
        CudaContext context = new(driver, device);
        nint opened;
        driver.cuDevicePrimaryCtxRetain(&opened, device).ThrowIfFailed(driver);
        context.SetHandle(opened);
        return context;
    }

    /// <summary>Makes this the context of the calling thread's next calls.</summary>
    public void MakeCurrent()
    {
        if (_current != this)
        {
            Driver.cuCtxSetCurrent(handle).ThrowIfFailed(Driver);
            _current = this;
        }
    }

    /// <summary>The calling thread's context was changed behind <see cref="MakeCurrent"/>.</summary>
    public static void Forget() => _current = null;

    /// <summary>A property of the GPU.</summary>
    public int Attribute(CudaDeviceAttribute attribute) => Attribute(Driver, Device, attribute);

    /// <summary>Bytes of the GPU's memory that are free and that there are.</summary>
    public (long Free, long Total) Memory()
    {
        MakeCurrent();
        nuint free;
        nuint total;
        Driver.cuMemGetInfo_v2(&free, &total).ThrowIfFailed(Driver);
        return ((long)free, (long)total);
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        if (_current == this)
        {
            _current = null;
        }

        return Driver.cuDevicePrimaryCtxRelease_v2(Device) == CudaStatus.Success;
    }

    private static int Attribute(CudaDriver driver, int device, CudaDeviceAttribute attribute)
    {
        int value;
        driver.cuDeviceGetAttribute(&value, attribute, device).ThrowIfFailed(driver);
        return value;
    }
}
