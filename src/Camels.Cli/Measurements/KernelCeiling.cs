using Camels.Engine.Parameters;
using Camels.Kernels;

namespace Camels.Cli.Measurements;

/// <summary>What the device that is measured can do at most, to be asked just before each run.</summary>
/// <param name="FlopsPerSecond">Arithmetic.</param>
/// <param name="BytesPerSecond">Copying, reads and writes together.</param>
/// <param name="Source">What the arithmetic is, for people.</param>
internal sealed record KernelCeiling(Func<double> FlopsPerSecond, Func<double> BytesPerSecond, string Source)
{
    private const int GpuCopyBytes = 1 << 30;
    private const int CopyRounds = 10;

    /// <summary>The ceiling of a device. <paramref name="arena"/> has room for the copy that is measured on a GPU.</summary>
    public static KernelCeiling Of(Device device, Arena arena, Precision precision)
    {
        switch (device.Kind)
        {
            case DeviceKind.Cpu:
                double copied = CpuCeiling.CopyBytesPerSecond(device.Workers);
                CpuPeak arithmetic = CpuPeak.Of(precision);
                return new KernelCeiling(() => arithmetic.FlopsPerSecond(device.Workers), () => copied, arithmetic.Source);
            case DeviceKind.Cuda:
                (double peak, string source) = GpuPeak.Of(device, precision);
                double copy = CopyOnGpu(device, arena);
                return new KernelCeiling(() => peak, () => copy, source);
            default:
                return new KernelCeiling(() => double.NaN, () => double.NaN, "nothing: this device is not made for speed");
        }
    }

    private static double CopyOnGpu(Device device, Arena arena)
    {
        Tensor source = arena.New(DType.F32, GpuCopyBytes / sizeof(float));
        Tensor destination = arena.New(DType.F32, GpuCopyBytes / sizeof(float));
        using DeviceTimer timer = new(device);
        double best = Enumerable.Range(0, CopyRounds).Min(
            _ => timer.SecondsOf(() => HostTransfer.Copy(device.Stream, destination: destination, source: source)));
        arena.Rewind(mark: 0);
        return 2.0 * GpuCopyBytes / best;
    }
}
