using Camels.Kernels.Interop;

namespace Camels.Kernels;

/// <summary>A point in a stream that the host waits for. On host devices, where work is done at once, it is always passed.</summary>
public sealed class DeviceEvent(Device device) : IDisposable
{
    private readonly CudaEvent? _cuda = device.Cuda is null ? null : new CudaEvent(device.Cuda.Context);

    /// <summary>Moves the event behind everything that <paramref name="stream"/> was given so far.</summary>
    public void Record(DeviceStream stream) => _cuda?.Record(stream.Cuda!);

    /// <summary>The host waits until the stream has passed the event.</summary>
    public void Synchronize() => _cuda?.Synchronize();

    /// <summary>Seconds that a GPU took from <paramref name="start"/> to this, both passed; 0 on host devices.</summary>
    public double SecondsSince(DeviceEvent start) => _cuda is null ? 0 : _cuda.MillisecondsSince(start._cuda!) / 1e3;

    /// <inheritdoc/>
    public void Dispose() => _cuda?.Dispose();
}
