using Camels.Cli.Output;
using Camels.Engine.Parameters;
using Camels.Kernels;

namespace Camels.Cli.Measurements;

/// <summary>The arithmetic that model FLOP utilisation is a share of.</summary>
/// <param name="FlopsPerSecond">NaN where it is not known.</param>
/// <param name="Source">Where the number is from, for people.</param>
internal sealed record DevicePeak(double FlopsPerSecond, string Source)
{
    /// <summary>The number with where it is from, or that it is not known.</summary>
    public override string ToString() => double.IsNaN(FlopsPerSecond) ? Source : $"{Source}: {Screen.Fixed(FlopsPerSecond / 1e9, 1)} GFLOP/s";

    /// <summary>Measured on the CPU, in about a tenth of a second; published for GPUs.</summary>
    public static DevicePeak Of(Device device, Precision precision)
    {
        if (!device.IsHost)
        {
            (double published, string source) = GpuPeak.Of(device, precision);
            return new DevicePeak(published, source);
        }

        int threads = device.Workers?.Count ?? 1;
        CpuPeak peak = CpuPeak.Of(precision);
        return new DevicePeak(peak.Best(threads), $"measured {peak.Source} in registers, {threads} threads");
    }
}
