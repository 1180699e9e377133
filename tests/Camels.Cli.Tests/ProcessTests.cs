using System.Diagnostics;
using Camels.Engine;
using Xunit;

namespace Camels.Cli.Tests;

/// <summary>What only a process of its own shows: the exit code that a shell sees, and signals.</summary>
public sealed class ProcessTests
{
    [Fact]
    public void The_shell_sees_the_exit_code_and_standard_error()
    {
        using Process process = Start("finetune", "--set", "training.epochs=0");
        string error = process.StandardError.ReadToEnd();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal((2, ""), (process.ExitCode, output));
        Assert.StartsWith("camels: ", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    [InlineData("USR1")]
    public void A_signal_ends_the_step_with_a_checkpoint_and_130(string signal)
    {
        using SmallRun small = new();
        using Process process = Start(small.Finetune(steps: 1_000_000));
        string log = Path.Combine(small.Output, "log.jsonl");
        while (!process.HasExited && (!File.Exists(log) || new FileInfo(log).Length == 0))
        {
            Thread.Sleep(20);
        }

        using Process kill = Process.Start("kill", [$"-{signal}", $"{process.Id}"]);
        string text = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 130, $"{process.ExitCode}: {text}");
        Assert.Contains("interrupted after step", text, StringComparison.Ordinal);
        Assert.NotEmpty(Directory.GetDirectories(Path.Combine(small.Output, "checkpoints"), "step-*"));
    }

    [Fact]
    public void A_log_on_a_full_disk_does_not_end_the_run()
    {
        using SmallRun small = new();
        string[] finetune = ["dotnet", typeof(CommandLine).Assembly.Location, .. small.Finetune()];
        using Process process = Process.Start(new ProcessStartInfo("sh", ["-c", "exec \"$@\" > /dev/full", "sh", .. finetune]) { RedirectStandardError = true })!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 5, $"{process.ExitCode}: {error}");      // what it says at the end cannot be printed
        Assert.True(Directory.Exists(Path.Combine(small.Output, "model")));
    }

    [Fact]
    public void A_message_that_cannot_be_printed_leaves_the_exit_code()
    {
        using Process process = Process.Start("sh", ["-c", "exec \"$@\" 2> /dev/full", "sh", "dotnet", typeof(CommandLine).Assembly.Location, "no-such-verb"]);
        process.WaitForExit();
        Assert.Equal((int)ExitCode.Usage, process.ExitCode);
    }

    [Fact]
    public void A_closed_output_does_not_end_the_run()
    {
        using SmallRun small = new();
        string[] finetune = ["dotnet", typeof(CommandLine).Assembly.Location, .. small.Finetune()];
        using Process process = Process.Start("sh", ["-c", "exec \"$@\" >&- 2>&-", "sh", .. finetune]);
        process.WaitForExit();
        Assert.True(Directory.Exists(Path.Combine(small.Output, "model")));
    }

    // A shell that runs the tests in the background hands on an ignored SIGINT, which a program rightly goes on to ignore.
    private static Process Start(params string[] arguments) => Process.Start(
        new ProcessStartInfo("env", ["--default-signal=INT", "dotnet", typeof(CommandLine).Assembly.Location, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
}
