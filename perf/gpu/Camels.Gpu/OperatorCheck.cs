using System.Diagnostics;
using System.Text.Json;
using Camels.Kernels;
using Camels.Testing;

namespace Camels.Gpu;

/// <summary>
/// Every operator's cases on a GPU: exact by the rule of the tests, two runs equal to the bit, in place where permitted; how far the PTX
/// machine's results are from the GPU's, and the kernels of sm_80 from those of sm_90a on the same GPU.
/// <code>camels-gpu check [--device cuda|emulated] [--operator NAME] [--seconds N] [--output FILE] | check --list</code>
/// A kernel that traps ends the process's GPU, so the script runs every operator in a process of its own.
/// </summary>
internal static class OperatorCheck
{
    private static readonly DType[] _types = [DType.F32, DType.BF16, DType.F16];
    private static readonly JsonSerializerOptions _style = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true };

    /// <summary>Runs the checks; 0 where all held, 6 where one did not, 4 without a GPU.</summary>
    public static int Run(string[] args, TextWriter output)
    {
        bool isEmulated = OptionOf(args, "--device") == "emulated";
        string? only = OptionOf(args, "--operator");
        TimeSpan budget = TimeSpan.FromSeconds(double.Parse(OptionOf(args, "--seconds") ?? "600", System.Globalization.CultureInfo.InvariantCulture));
        if (args is ["--list"])
        {
            output.WriteLine(string.Join('\n', OpCases.All.Keys));
            return 0;
        }

        if (!isEmulated && CudaMachine.Read().Problem is string problem)
        {
            output.WriteLine($"camels-gpu: {problem}");
            return 4;
        }

        using Device device = isEmulated ? Device.OpenEmulated("sm_90a") : Device.OpenCuda();
        using Device? older = device.KernelPath == "sm_80" ? null : isEmulated ? Device.OpenEmulated("sm_80") : Device.OpenCuda(ordinal: 0, "sm_80");
        using Device machine = Device.OpenEmulated(device.KernelPath);
        long began = Stopwatch.GetTimestamp();
        List<OperatorResult> results = [];
        foreach ((string op, Func<IEnumerable<OpCase>> cases) in OpCases.All.Where(pair => only is null || pair.Key == only))
        {
            if (Stopwatch.GetElapsedTime(began) > budget)
            {
                output.WriteLine($"{op}: not reached in {budget.TotalSeconds} s");
                results.Add(new OperatorResult(op, Checks: 0, ["not reached"], [], []));
                continue;
            }

            OperatorResult result = Check(op, [.. cases()], device, isEmulated ? null : machine, older);
            results.Add(result);
            output.WriteLine(result.ToString());
        }

        if (OptionOf(args, "--output") is string path)
        {
            File.WriteAllText(path, JsonSerializer.Serialize(results, _style));
        }

        int failures = results.Sum(result => result.Failures.Count);
        output.WriteLine($"{results.Sum(result => result.Checks)} checks on {device.InstructionSet} ({device.KernelPath}), {failures} failed");
        return failures == 0 ? 0 : 6;
    }

    private static OperatorResult Check(string op, OpCase[] cases, Device device, Device? machine, Device? older)
    {
        OperatorResult result = new(op, Checks: 0, [], [], []);
        foreach (OpCase opCase in cases)
        {
            foreach (DType dtype in _types)
            {
                result = result.With(() => OpChecks.AgreesWithReference(opCase, device, dtype), result.Failures);
                result = result.With(() => OpChecks.GivesEqualBits(opCase, device, device, dtype), result.Failures);
                result = result.With(() => OpChecks.WorksInPlace(opCase, device, dtype), result.Failures);
                if (machine is not null)
                {
                    result = result.With(() => OpChecks.GivesEqualBits(opCase, device, machine, dtype), result.OtherThanMachine);
                }

                if (older is not null)
                {
                    result = result.With(() => OpChecks.GivesEqualBits(opCase, device, older, dtype), result.OtherThanOlder);
                }
            }
        }

        return result;
    }

    private static string? OptionOf(string[] args, string name) =>
        Array.IndexOf(args, name) is >= 0 and int place && place + 1 < args.Length ? args[place + 1] : null;
}

/// <summary>What the checks of one operator gave.</summary>
/// <param name="Operator">Its name.</param>
/// <param name="Checks">How many were made.</param>
/// <param name="Failures">Those that must hold and did not.</param>
/// <param name="OtherThanMachine">Cases whose bits the PTX machine does not give: expected where a kernel uses approximate instructions.</param>
/// <param name="OtherThanOlder">Cases whose bits the kernels of sm_80 do not give on the same GPU.</param>
internal sealed record OperatorResult(
    string Operator, int Checks, List<string> Failures, List<string> OtherThanMachine, List<string> OtherThanOlder)
{
    /// <summary>Makes one check; what it throws goes to <paramref name="problems"/>.</summary>
    public OperatorResult With(Action check, List<string> problems)
    {
        try
        {
            check();
        }
        catch (Exception problem)
        {
            problems.Add(problem.Message.ReplaceLineEndings(" "));
        }

        return this with { Checks = Checks + 1 };
    }

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Operator}: {Checks} checks, {Failures.Count} failed, {OtherThanMachine.Count} with other bits than the PTX machine, "
        + $"{OtherThanOlder.Count} with other bits than sm_80's kernels{string.Concat(Failures.Take(3).Select(failure => $"\n   {failure}"))}";
}
