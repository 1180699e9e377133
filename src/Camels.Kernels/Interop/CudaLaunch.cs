namespace Camels.Kernels.Interop;

/// <summary>The one call that runs a kernel.</summary>
internal static unsafe class CudaLaunch
{
    /// <summary>Gives a kernel to a stream; the arguments are copied before this returns.</summary>
    public static void Start(CudaDriver driver, nint function, in LaunchSize size, nint stream, void** arguments, string name)
    {
        uint blocks = checked((uint)size.X);
        CudaStatus status = size.Cluster == 1
            ? driver.cuLaunchKernel(
                function, blocks, (uint)size.Y, (uint)size.Z, (uint)size.Threads, 1, 1, (uint)size.SharedBytes, stream, arguments, null)
            : StartInClusters(driver, function, size, stream, arguments);
        if (status != CudaStatus.Success)
        {
            status.ThrowIfFailed(driver, $"the launch of {name} with {size.X}x{size.Y}x{size.Z} blocks of {size.Threads} threads and {size.SharedBytes} shared bytes");
        }
    }

    private static CudaStatus StartInClusters(CudaDriver driver, nint function, in LaunchSize size, nint stream, void** arguments)
    {
        if (driver.cuLaunchKernelEx == null)
        {
            throw new NativeException(NativeFailure.Missing, "the CUDA driver of this machine lacks cuLaunchKernelEx: update it to CUDA 11.8 or later");
        }

        CudaLaunchAttribute cluster = new() { Id = CudaLaunchAttribute.ClusterDimension, ClusterX = (uint)size.Cluster, ClusterY = 1, ClusterZ = 1 };
        CudaLaunchConfiguration configuration = new()
        {
            GridX = checked((uint)size.X),
            GridY = (uint)size.Y,
            GridZ = (uint)size.Z,
            BlockX = (uint)size.Threads,
            BlockY = 1,
            BlockZ = 1,
            SharedBytes = (uint)size.SharedBytes,
            Stream = stream,
            Attributes = &cluster,
            AttributeCount = 1,
        };
        return driver.cuLaunchKernelEx(&configuration, function, arguments, null);
    }
}
