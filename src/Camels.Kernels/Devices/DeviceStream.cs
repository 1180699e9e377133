using Camels.Kernels.Interop;

namespace Camels.Kernels;

/// <summary>Work on a device in the order in which it was given. Host devices run it at once; a GPU runs it while the host goes on.</summary>
public sealed unsafe class DeviceStream : IDisposable
{
    private const long LeastScratchBytes = 16 << 20;

    // The sums of three levels of lanes for the tiles that a multiprocessor works on: two of 128 x 128 singles (CudaProduct).
    private const long ScratchBytesPerMultiprocessor = 2 * 3 * 128 * 128 * sizeof(float);

    private readonly PinnedStaging? _staging;
    private readonly CudaMemory? _scratch;

    internal DeviceStream(Device device)
    {
        Device = device;
        if (device.Cuda is not null)
        {
            Cuda = new CudaStream(device.Cuda.Context);
            _staging = new PinnedStaging(device.Cuda.Context, Cuda);
            ScratchBytes = Math.Max(LeastScratchBytes, device.Cuda.Properties.Multiprocessors * ScratchBytesPerMultiprocessor);
            _scratch = new CudaMemory(device.Cuda.Context, ScratchBytes);
        }
    }

    /// <summary>The device that runs the work.</summary>
    public Device Device { get; }

    /// <summary>The driver's stream; null on host devices.</summary>
    internal CudaStream? Cuda { get; }

    /// <summary>Bytes of <see cref="Scratch"/>: at least 16 MiB.</summary>
    internal long ScratchBytes { get; }

    /// <summary>The pinned memory that transfers pass through; null on host devices.</summary>
    internal PinnedStaging? Staging => _staging;

    /// <summary>
    /// Memory of the GPU that one operator may use between its own launches on this stream: <see cref="ScratchBytes"/> bytes of unknown
    /// content, allocated with the stream, so that no step allocates.
    /// </summary>
    internal nint Scratch => _scratch!.Raw;

    /// <summary>Waits until everything given so far is done.</summary>
    /// <exception cref="NativeException">A kernel failed.</exception>
    public void Synchronize() => Cuda?.Synchronize();

    /// <summary>
    /// Launches a kernel on a GPU; the arguments are those of the kernel, in order. Allocates nothing once the kernel is loaded. A launch
    /// without blocks does nothing.
    /// </summary>
    internal void Launch(Kernel kernel, in LaunchSize size, params ReadOnlySpan<KernelArgument> arguments)
    {
        CudaDevice device = Device.Cuda!;
        KernelFunction function = device.Find(kernel);
        function.Prepare(arguments, size.SharedBytes);
        device.Launching?.Invoke(kernel, in size, arguments);
        if (size.IsEmpty)
        {
            return;
        }

        device.Context.MakeCurrent();
        void** addresses = stackalloc void*[arguments.Length];
        fixed (KernelArgument* values = arguments)
        {
            for (int i = 0; i < arguments.Length; i++)
            {
                addresses[i] = KernelArgument.AddressOf(&values[i]);
            }

            CudaLaunch.Start(device.Context.Driver, function.Handle, size, Cuda!.Raw, addresses, function.Name);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _scratch?.Dispose();
        _staging?.Dispose();
        Cuda?.Dispose();
    }
}
