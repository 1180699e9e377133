using System.Diagnostics;
using Camels.Cli.Output;
using Camels.Kernels;

namespace Camels.Cli.Measurements;

/// <summary>What a GPU's driver makes of all kernels: the first look at a machine where they have never run.</summary>
internal sealed record GpuReport(string Target, double CompileSeconds, long FreeBytes, IReadOnlyList<KernelFileFacts> Files)
{
    /// <summary>One line for people.</summary>
    public string Summary => Refused == 0
        ? $"ready; {Files.Count} files of {Target} with {Kernels.Count()} kernels compiled in {Screen.Fixed(CompileSeconds, 1)} s, at most "
            + $"{Kernels.Max(kernel => kernel.Registers)} registers; {Screen.Fixed(FreeBytes / 1e9, 1)} GB free"
        : $"the driver refuses {Refused} of the {Files.Count} files of {Target}: see below";

    /// <summary>What is wrong with some: files that are refused, registers kept in memory, and what the driver's compiler complains of.</summary>
    public IEnumerable<string> Complaints => Files.Where(file => file.Problem is not null).Select(file => file.Problem!)
        .Concat(Kernels.Where(kernel => kernel.LocalBytes > 0)
            .Select(kernel => $"{kernel.Name} keeps {kernel.LocalBytes} bytes of registers in memory"))
        .Concat(Files.SelectMany(file => file.Complaints.Select(line => $"{file.Origin}: {line}")));

    /// <summary>How many files the driver refuses.</summary>
    public int Refused => Files.Count(file => file.Problem is not null);

    private IEnumerable<KernelFact> Kernels => Files.SelectMany(file => file.Kernels);

    /// <summary>Loads all kernels on a GPU and closes it.</summary>
    public static GpuReport Of(Device gpu)
    {
        using (gpu)
        {
            long began = Stopwatch.GetTimestamp();
            KernelFileFacts[] files = [.. KernelFileFacts.Of(gpu)];
            return new GpuReport(gpu.KernelPath, Stopwatch.GetElapsedTime(began).TotalSeconds, gpu.FreeBytes, files);
        }
    }
}
