using System.Diagnostics;
using Camels.Kernels;

namespace Camels.Cli.Measurements;

/// <summary>Seconds of work on a device: by the host's clock on host devices, by the GPU's own on a GPU.</summary>
internal sealed class DeviceTimer(Device device) : IDisposable
{
    /// <summary>What is measured at a time lasts at least so long, so that the launch of the first kernel counts little.</summary>
    private const double LeastSeconds = 2e-3;
    private const int MostRepeats = 200;

    private readonly DeviceEvent _start = new(device);
    private readonly DeviceEvent _end = new(device);
    private int _repeats = 1;

    /// <summary>Seconds of one run; on a GPU the mean of several behind each other.</summary>
    public double SecondsOf(Action run)
    {
        if (device.Kind != DeviceKind.Cuda)
        {
            long began = Stopwatch.GetTimestamp();
            run();
            device.Stream.Synchronize();
            return Stopwatch.GetElapsedTime(began).TotalSeconds;
        }

        _start.Record(device.Stream);
        for (int i = 0; i < _repeats; i++)
        {
            run();
        }

        _end.Record(device.Stream);
        _end.Synchronize();
        double seconds = _end.SecondsSince(_start) / _repeats;
        _repeats = (int)Math.Clamp(LeastSeconds / Math.Max(seconds, 1e-9), 1, MostRepeats);
        return seconds;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _start.Dispose();
        _end.Dispose();
    }
}
