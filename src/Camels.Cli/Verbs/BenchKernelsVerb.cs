using System.CommandLine;
using System.Globalization;
using Camels.Cli.Measurements;
using Camels.Cli.Output;
using Camels.Engine;
using Camels.Engine.Parameters;
using Camels.Kernels;

namespace Camels.Cli.Verbs;

/// <summary>Times kernels beside the ceilings of the machine, measured in the same run with the same threads.</summary>
internal sealed class BenchKernelsVerb : Verb
{
    private readonly Option<string?> _filter;
    private readonly Option<string?> _output;
    private readonly Option<string?> _gate;
    private readonly Option<string> _slowdown;
    private readonly Option<string> _precision;
    private readonly DeviceOption _device;

    public BenchKernelsVerb()
        : base(
            "kernels",
            "Time kernels and show their share of the machine's measured ceiling",
            "camels bench kernels --filter MatMul --threads 1 --output kernels.json")
    {
        _filter = Option<string?>("--filter", "only kernels whose name contains this");
        _output = Option<string?>("--output", "JSON file to write the measurements to");
        _gate = Option<string?>("--gate", "earlier JSON file of this device, threads and precision; what got slower is named and the exit code is 6, as where nothing is in both");
        _slowdown = Option("--slowdown", "how much slower than in --gate is too slow", "5%");
        _precision = Option("--precision", "fp32, bf16 or fp16", "fp32");
        _device = new DeviceOption(Command);
    }

    protected override ExitCode Run(ParseResult arguments, Screen screen)
    {
        Precision precision = PrecisionName.Parse(arguments.GetRequiredValue(_precision));
        double slowdown = Share(arguments.GetRequiredValue(_slowdown));
        string filter = arguments.GetValue(_filter) ?? "";
        string? path = arguments.GetValue(_output) is string output ? OutputFile.Require(output) : null;
        KernelReport? baseline = arguments.GetValue(_gate) is string gate ? KernelReport.Read(gate) : null;
        using Device device = _device.Open(arguments, screen);
        if (device.Kind == DeviceKind.Reference)
        {
            throw CamelsException.Usage("bench kernels does not measure the reference device, which is not made for speed");
        }

        baseline?.RequireSame(Machine.Describe(device), ThreadsOf(device), precision.Name);
        KernelCase[] all = [.. new KernelCases(KernelSizes.Of(device)).All(precision.Compute)];
        KernelCase[] cases = [.. all.Where(kernel => kernel.Name.Contains(filter, StringComparison.OrdinalIgnoreCase))];
        if (cases.Length == 0)
        {
            throw CamelsException.Usage($"--filter {filter} matches no kernel; there are {string.Join(", ", all.Select(kernel => kernel.Name).Distinct())}");
        }

        KernelReport report = Measure(cases, device, precision, screen);
        report.Show(screen);
        screen.Json(report);
        if (path is not null)
        {
            report.Write(path);
        }

        return baseline is null || report.Holds(baseline, slowdown, screen) ? ExitCode.Done : ExitCode.CheckFailed;
    }

    private static KernelReport Measure(KernelCase[] cases, Device device, Precision precision, Screen screen)
    {
        using Arena arena = Arena.Allocate(device, KernelSizes.ArenaBytesOf(device), "measurements");
        KernelCeiling ceiling = KernelCeiling.Of(device, arena, precision);
        double peak = ceiling.FlopsPerSecond();
        double copy = ceiling.BytesPerSecond();
        List<KernelResult> results = [];
        using ProgressBar bar = screen.Progress("measuring", cases.Length);
        foreach (KernelCase kernel in cases)
        {
            KernelSample measured = kernel.Measure(device, arena, precision.Compute, ceiling);
            results.Add(KernelResult.Of(measured));
            double best = measured.Ceilings.Max();
            (peak, copy) = kernel.Flops > 0 ? (Math.Max(peak, best), copy) : (peak, Math.Max(copy, best));
            bar.Report(results.Count, kernel.Name);
        }

        return new KernelReport(
            Machine.Describe(device), ThreadsOf(device), precision.Name, Build.Commit, ceiling.Source, peak, copy, results);
    }

    private static int ThreadsOf(Device device) => device.Workers?.Count ?? 1;

    private static double Share(string text) =>
        double.TryParse(text.TrimEnd('%'), NumberStyles.Float, CultureInfo.InvariantCulture, out double percent) && percent >= 0
            ? percent / 100
            : throw CamelsException.Usage($"--slowdown {text} is no share; write for example 5%");
}
