using System.Text.Json;
using Camels.Cli.Output;
using Camels.Engine;

namespace Camels.Cli.Measurements;

/// <summary>One measured kernel.</summary>
internal sealed record KernelResult(
    string Name, string Shape, double MedianSeconds, double Spread, double GigaflopsPerSecond, double GigabytesPerSecond, double ShareOfCeiling)
{
    /// <summary>The figures of a kernel's timings.</summary>
    public static KernelResult Of(KernelSample measured)
    {
        (KernelCase kernel, Sample sample, _) = measured;
        return new KernelResult(
            kernel.Name, kernel.Shape, sample.Median, sample.Spread, kernel.Flops / sample.Median / 1e9, kernel.Bytes / sample.Median / 1e9,
            measured.ShareOfCeiling);
    }
}

/// <summary>Measured kernels beside the ceilings of the machine they were measured on.</summary>
internal sealed record KernelReport(
    string Device,
    int Threads,
    string Precision,
    string Commit,
    string PeakSource,
    double FmaPeakFlopsPerSecond,
    double CopyBytesPerSecond,
    IReadOnlyList<KernelResult> Kernels)
{
    private static readonly JsonSerializerOptions Style = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,     // no ceiling is known: NaN
    };

    /// <summary>An earlier report.</summary>
    /// <exception cref="CamelsException">The file is none: exit code 3.</exception>
    public static KernelReport Read(string path)
    {
        try
        {
            KernelReport report = JsonSerializer.Deserialize<KernelReport>(File.ReadAllText(path), Style) ?? throw new JsonException("it is null");
            return report.Medians().Values.All(seconds => double.IsFinite(seconds) && seconds > 0)
                ? report
                : throw new JsonException("a median is no time");
        }
        catch (Exception problem) when (problem is JsonException or IOException or UnauthorizedAccessException or ArgumentException or NullReferenceException)
        {
            throw CamelsException.BadInput($"{path} is no report of bench kernels: {problem.Message.ReplaceLineEndings(" ")}", problem);
        }
    }

    /// <summary>Writes it as a file that <see cref="Read"/> reads.</summary>
    public void Write(string path)
    {
        try
        {
            File.WriteAllText(path, JsonSerializer.Serialize(this, Style) + "\n");
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw CamelsException.RunFailed($"{path} cannot be written: {problem.Message}", problem);
        }
    }

    /// <summary>Refuses to be compared with what will be measured in another way.</summary>
    /// <exception cref="CamelsException">Device, threads or precision are others: exit code 2.</exception>
    public void RequireSame(string device, int threads, string precision)
    {
        foreach ((string what, string before, string now) in
            ((string, string, string)[])[("device", Device, device), ("threads", $"{Threads}", $"{threads}"), ("precision", Precision, precision)])
        {
            if (before != now)
            {
                throw CamelsException.Usage($"--gate: {what} {before} in the baseline, {now} here; compare like with like");
            }
        }
    }

    /// <summary>Shows what got slower by more than a share of its median in an earlier report. True where that is nothing, and not for want of comparisons.</summary>
    public bool Holds(KernelReport baseline, double share, Screen screen)
    {
        Dictionary<string, double> medians = baseline.Medians();
        KernelResult[] compared = [.. Kernels.Where(kernel => medians.ContainsKey(Key(kernel)))];
        KernelResult[] slower = [.. compared.Where(kernel => kernel.MedianSeconds > medians[Key(kernel)] * (1 + share))];
        foreach (KernelResult kernel in slower)
        {
            screen.Line($"slower: {Key(kernel)}: {Screen.Fixed(1e6 * medians[Key(kernel)], 1)} → {Screen.Fixed(1e6 * kernel.MedianSeconds, 1)} µs");
        }

        screen.Line($"{compared.Length} compared, {Kernels.Count - compared.Length} not in the baseline");
        return compared.Length > 0 && slower.Length == 0;
    }

    /// <summary>The table.</summary>
    public void Show(Screen screen)
    {
        screen.Table(
            ["kernel", "shape", "median µs>", "±>", "GFLOP/s>", "GB/s>", "of ceiling>"],
            Kernels.Select(kernel => new[]
            {
                kernel.Name, kernel.Shape, Screen.Fixed(1e6 * kernel.MedianSeconds, 1), $"{Screen.Fixed(100 * kernel.Spread, 1)} %",
                kernel.GigaflopsPerSecond > 0 ? Screen.Fixed(kernel.GigaflopsPerSecond, 1) : "", Screen.Fixed(kernel.GigabytesPerSecond, 1),
                $"{Screen.Fixed(100 * kernel.ShareOfCeiling, 0)} %",
            }));
        screen.Line($"{Threads} threads, {Precision}; best of this run: {Screen.Fixed(FmaPeakFlopsPerSecond / 1e9, 1)} GFLOP/s ({PeakSource}), "
            + $"{Screen.Fixed(CopyBytesPerSecond / 1e9, 1)} GB/s of copying (reads and writes together)");
        screen.Line("of ceiling: the median over pairs of a run and that arithmetic (or, without arithmetic, that copy) just before it");
    }

    private Dictionary<string, double> Medians() => Kernels.ToDictionary(Key, kernel => kernel.MedianSeconds);

    private static string Key(KernelResult kernel) => $"{kernel.Name} ({kernel.Shape})";
}
