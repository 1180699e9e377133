namespace Camels.Kernels.Interop;

/// <summary>The one call that runs a kernel.</summary>
internal static unsafe class CudaLaunch
{
    /// <summary>Gives a kernel to a stream; the arguments are copied before this returns.</summary>
    public static void Start(CudaDriver driver, nint function, in LaunchSize size, nint stream, void** arguments, string name)
    {
        uint blocks = checked((uint)size.X);
        CudaStatus status = driver.cuLaunchKernel(
            function, blocks, (uint)size.Y, (uint)size.Z, (uint)size.Threads, 1, 1, (uint)size.SharedBytes, stream, arguments, null);
        if (status != CudaStatus.Success)
        {
            status.ThrowIfFailed(driver, $"the launch of {name} with {size.X}x{size.Y}x{size.Z} blocks of {size.Threads} threads and {size.SharedBytes} shared bytes");
        }
    }
}
