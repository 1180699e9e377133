using System.Globalization;
using System.Runtime.InteropServices;
using Camels.Kernels;

namespace Camels.Cli.Measurements;

/// <summary>What the operating system says about this machine. Files of Linux; elsewhere what the runtime knows.</summary>
internal sealed record Machine(string Processor, int Cores, int NumaNodes, long MemoryBytes, IReadOnlyList<string> Features)
{
    // The features that some kernel path or a planned one depends on, as /proc/cpuinfo spells them.
    private static readonly string[] RelevantFeatures =
        ["fma", "avx2", "avx512f", "avx512bw", "avx512_bf16", "avx512_fp16", "avx512_vnni", "amx_tile", "amx_bf16", "asimd", "bf16", "sve"];

    /// <summary>Reads it; never fails.</summary>
    public static Machine Read()
    {
        string[] lines = File.Exists("/proc/cpuinfo") ? File.ReadAllLines("/proc/cpuinfo") : [];
        string[] flags = (Value(lines, "flags") ?? Value(lines, "Features") ?? "").Split(' ');
        return new Machine(
            Value(lines, "model name") ?? RuntimeInformation.ProcessArchitecture.ToString(),
            Environment.ProcessorCount,
            CountNumaNodes(),
            HostMemory.TotalBytes,
            [.. RelevantFeatures.Where(flags.Contains)]);
    }

    /// <summary>Where something was measured: device, kernels, processor or GPU.</summary>
    public static string Describe(Device device) =>
        $"{device.Name}, {device.KernelPath}, {(device.IsHost ? Read().Processor : device.InstructionSet)}";

    private static string? Value(string[] lines, string key) =>
        lines.FirstOrDefault(line => line.StartsWith(key, StringComparison.Ordinal)) is string line
            ? line[(line.IndexOf(':') + 1)..].Trim()
            : null;

    private static int CountNumaNodes()
    {
        const string folder = "/sys/devices/system/node";
        return Directory.Exists(folder)
            ? Math.Max(1, Directory.EnumerateDirectories(folder, "node*")
                .Count(path => int.TryParse(Path.GetFileName(path).AsSpan(4), NumberStyles.None, CultureInfo.InvariantCulture, out _)))
            : 1;
    }
}
