using System.CommandLine;
using System.Runtime.InteropServices;
using Camels.Cli.Measurements;
using Camels.Cli.Output;
using Camels.Engine;
using Camels.Engine.Parameters;
using Camels.Kernels;
using Camels.Kernels.Interop;

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
        CpuPeak single = CpuPeak.Of(Precision.Fp32);
        double peakOfOne = single.Best(threads: 1);
        double peak = single.Best(cores);
        double? dotProducts = CpuBFloat16.UsesDotProducts ? CpuPeak.Of(Precision.Bf16).Best(cores) : null;
        using CpuWorkers workers = new(cores);
        double copy = CpuCeiling.CopyBytesPerSecond(workers);
        CudaMachine cuda = CudaMachine.Read();
        GpuReport? gpu = null;
        try
        {
            gpu = cuda.Problem is null ? GpuReport.Of(Device.OpenCuda()) : null;
        }
        catch (Exception failure) when (failure is NativeException or InsufficientMemoryException)
        {
            cuda = cuda with { Problem = failure.Message };     // a GPU that is full or taken is a finding like others
        }

        screen.Table(
            ["what", "here"],
            [
                ["processor", machine.Processor],
                ["cores", $"{cores} in {machine.NumaNodes} NUMA node{(machine.NumaNodes == 1 ? "" : "s; bind the program to one with numactl for steady speed")}"],
                ["memory", $"{Screen.Fixed(machine.MemoryBytes / 1e9, 1)} GB usable"],
                ["features", machine.Features.Count == 0 ? "none known" : string.Join(' ', machine.Features)],
                ["kernel path", CpuPath.Name],
                ["bf16 products", dotProducts is null ? CpuBFloat16.Description : $"{CpuBFloat16.Description}, {Gflops(dotProducts.Value)} on {cores} cores"],
                ["fp32 multiply-add peak", $"{Gflops(peakOfOne)} on one core, {Gflops(peak)} on {cores}"],
                ["memory copy", $"{Screen.Fixed(copy / 1e9, 1)} GB/s, reads and writes together, on {cores} cores"],
                ["runtime", $"{RuntimeInformation.FrameworkDescription} on {RuntimeInformation.OSDescription}"],
                ["device cpu, reference, emulated", "ready"],
                .. cuda.Gpus.Select(GpuRow),
                ["device cuda", cuda.Problem ?? $"CUDA driver {cuda.DriverVersion}; {gpu!.Summary}"],
            ]);
        foreach (string complaint in gpu?.Complaints ?? [])
        {
            screen.Line(complaint);
        }

        screen.Json(new
        {
            machine.Processor,
            Cores = cores,
            machine.NumaNodes,
            machine.MemoryBytes,
            machine.Features,
            KernelPath = CpuPath.Name,
            Bf16Products = CpuBFloat16.Description,
            Bf16DotProductFlopsPerSecond = dotProducts,
            FmaPeakFlopsPerSecondOneCore = peakOfOne,
            FmaPeakFlopsPerSecond = peak,
            CopyBytesPerSecond = copy,
            Devices = new[] { "cpu", "reference", "emulated" }.Concat(gpu is { Refused: 0 } ? ["cuda"] : []),
            Cuda = cuda,
            Kernels = gpu?.Files,
        });
        return ExitCode.Done;
    }

    private static string[] GpuRow(CudaProperties gpu) =>
    [
        $"GPU cuda:{gpu.Ordinal}",
        $"{gpu.Name}, compute capability {gpu.Major}.{gpu.Minor}, {gpu.Multiprocessors} multiprocessors, {Screen.Fixed(gpu.TotalBytes / 1e9, 1)} GB",
    ];

    private static string Gflops(double flopsPerSecond) => $"{Screen.Fixed(flopsPerSecond / 1e9, 0)} GFLOP/s";
}
