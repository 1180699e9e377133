using System.Text.Json.Nodes;
using Camels.Engine;
using Xunit;

namespace Camels.Cli.Tests;

/// <summary>bench kernels --gate compares like with like, and does not pass for want of comparisons.</summary>
public sealed class KernelGateTests
{
    private static readonly string[] Measure = ["bench", "kernels", "--filter", "SumOfSquares", "--threads", "1"];

    private static (ExitCode Code, string Output, string Error) Gate(string baseline, params string[] more) =>
        InProcess.Run([.. Measure, "--gate", baseline, "--slowdown", "100000%", .. more]);

    [Fact]
    public void A_gate_counts_what_it_compared()
    {
        string folder = Directory.CreateTempSubdirectory("camels-").FullName;
        string path = Path.Combine(folder, "baseline.json");
        Assert.Equal(ExitCode.Done, InProcess.Run([.. Measure, "--output", path]).Code);
        (ExitCode code, string output, _) = Gate(path);
        Assert.Equal(ExitCode.Done, code);
        Assert.Contains("1 compared, 0 not in the baseline", output, StringComparison.Ordinal);

        foreach ((string key, string mentions) in ((string, string)[])[("device", "device other in the baseline"), ("threads", "threads 2 in the baseline, 1 here"), ("precision", "precision other in the baseline, fp32 here")])
        {
            string other = Changed(path, report => report[key] = key == "threads" ? 2 : "other");
            (code, _, string error) = Gate(other);
            Assert.Equal(ExitCode.Usage, code);
            Assert.Contains(mentions, error, StringComparison.Ordinal);
        }

        (code, output, _) = Gate(Changed(path, report => report["kernels"]![0]!["name"] = "Other"));
        Assert.Equal(ExitCode.CheckFailed, code);
        Assert.Contains("0 compared, 1 not in the baseline", output, StringComparison.Ordinal);

        (code, output, _) = Gate(Changed(path, report => report["kernels"]![0]!["median_seconds"] = 1e-12));
        Assert.Equal(ExitCode.CheckFailed, code);
        Assert.Contains("slower: SumOfSquares", output, StringComparison.Ordinal);
        Assert.Equal(ExitCode.BadInput, Gate(Changed(path, report => report["kernels"]![0]!["median_seconds"] = "NaN")).Code);
        Directory.Delete(folder, recursive: true);
    }

    private static string Changed(string path, Action<JsonNode> change)
    {
        JsonNode report = JsonNode.Parse(File.ReadAllText(path))!;
        change(report);
        string changed = Path.Combine(Path.GetDirectoryName(path)!, "changed.json");
        File.WriteAllText(changed, report.ToJsonString());
        return changed;
    }
}
