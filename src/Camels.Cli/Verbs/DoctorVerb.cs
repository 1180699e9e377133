using System.CommandLine;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Camels.Cli.Measurements;
using Camels.Cli.Output;
using Camels.Engine;
using Camels.Kernels;

namespace Camels.Cli.Verbs;

/// <summary>What is on this machine, how fast it can be at most, and what to do about what is missing.</summary>
internal sealed class DoctorVerb() : Verb(
    "doctor",
    "Show what this machine has: processor, memory, devices, and what is missing",
    "camels doctor")
{
    protected override ExitCode Run(ParseResult arguments, Screen screen)
    {
        Machine machine = Machine.Read();
        int cores = machine.Cores;
        double peakOfOne = CpuCeiling.FmaPeakFlopsPerSecond(threads: 1);
        double peak = CpuCeiling.FmaPeakFlopsPerSecond(cores);
        using CpuWorkers workers = new(cores);
        double copy = CpuCeiling.CopyBytesPerSecond(workers);
        string gpu = File.Exists("/proc/driver/nvidia/version") ? "an NVIDIA driver is here, but" : "no NVIDIA driver here, and";

        screen.Table(
            ["what", "here"],
            [
                ["processor", machine.Processor],
                ["cores", $"{cores} in {machine.NumaNodes} NUMA node{(machine.NumaNodes == 1 ? "" : "s; bind the program to one with numactl for steady speed")}"],
                ["memory", $"{Screen.Fixed(machine.MemoryBytes / 1e9, 1)} GB usable"],
                ["features", machine.Features.Count == 0 ? "none known" : string.Join(' ', machine.Features)],
                ["kernel path", KernelPath],
                ["fp32 multiply-add peak", $"{Gflops(peakOfOne)} on one core, {Gflops(peak)} on {cores}"],
                ["memory copy", $"{Screen.Fixed(copy / 1e9, 1)} GB/s, reads and writes together, on {cores} cores"],
                ["runtime", $"{RuntimeInformation.FrameworkDescription} on {RuntimeInformation.OSDescription}"],
                ["device cpu, reference", "ready"],
                ["device cuda", $"{gpu} this version computes on the CPU only; use --device cpu"],
            ]);
        screen.Json(new
        {
            machine.Processor,
            Cores = cores,
            machine.NumaNodes,
            machine.MemoryBytes,
            machine.Features,
            KernelPath,
            FmaPeakFlopsPerSecondOneCore = peakOfOne,
            FmaPeakFlopsPerSecond = peak,
            CopyBytesPerSecond = copy,
            Devices = new[] { "cpu", "reference" },
        });
        return ExitCode.Done;
    }

    private static string KernelPath =>
        Avx512F.IsSupported ? "avx512" : Avx2.IsSupported && Fma.IsSupported ? "avx2" : Vector.IsHardwareAccelerated ? "vector" : "scalar";

    private static string Gflops(double flopsPerSecond) => $"{Screen.Fixed(flopsPerSecond / 1e9, 0)} GFLOP/s";
}
