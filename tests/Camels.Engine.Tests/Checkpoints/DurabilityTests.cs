using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Camels.Engine.Checkpoints;
using Xunit;

namespace Camels.Engine.Tests.Checkpoints;

/// <summary>What is left when a process is killed, a disk is full or a file may not grow.</summary>
public class DurabilityTests
{
    // The runtime maps a large file of its own for code that may be written and run, unless told not to.
    private const string MayNotGrow = "ulimit -f 200; trap '' XFSZ; export DOTNET_EnableWriteXorExecute=0; exec \"$@\"";

    [Fact]
    public void AKilledWriterLeavesTheLastCheckpointItReported()
    {
        using TemporaryFolder folder = new();
        Random random = new(443);
        for (int kill = 0; kill < 4; kill++)
        {
            if (Directory.Exists(folder["c"]))
            {
                Directory.Delete(folder["c"], recursive: true);
            }

            using Process child = ChildProgram.Start("save-forever", folder["c"]);
            Assert.NotNull(child.StandardOutput.ReadLine());
            Thread.Sleep(random.Next(150));
            child.Kill();
            string[] reported = child.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
            child.WaitForExit();

            List<string> warnings = [];
            using TrainingState state = TrainingState.OpenNewest(folder["c"], warnings.Add)!;
            long last = reported.Length == 0 ? 1 : long.Parse(reported[^1], CultureInfo.InvariantCulture);
            Assert.InRange(state.Manifest.Step, last, last + 1);
            Assert.Empty(warnings);
        }
    }

    [ToolFact("strace", "--version")]
    public void EverythingIsFlushedBeforeTheRenameAndTheParentAfter()
    {
        using TemporaryFolder folder = new();
        string[] strace = ["strace", "-f", "-y", "-s", "4096", "-e", "trace=openat,fsync,rename,renameat2", "-o", folder["trace"]];
        using Process child = ChildProgram.Start("save", folder["c"], strace);
        child.StandardOutput.ReadToEnd();
        child.WaitForExit();
        Assert.Equal(0, child.ExitCode);

        string partial = folder["c/.step-00000001.partial"];
        string[] calls = [.. File.ReadLines(folder["trace"]).Where(line => line.Contains(folder["c"], StringComparison.Ordinal))];
        int renamed = Array.FindIndex(calls, line => line.Contains("rename", StringComparison.Ordinal));
        Assert.Contains($"\"{partial}\", ", calls[renamed], StringComparison.Ordinal);
        List<string> flushed = [.. calls.Take(renamed).Select(line => Regex.Match(line, @"fsync\(\d+<([^>]*)>").Groups[1].Value).Where(path => path.Length > 0)];
        List<string> created = [.. calls.Select(line => Regex.Match(line, "openat\\(.*\"([^\"]*)\", .*O_CREAT").Groups[1].Value).Where(path => path.Length > 0)];
        Assert.Equal(5, created.Count);
        Assert.Equal([.. created, Path.Combine(partial, "model"), partial], flushed);
        Assert.EndsWith("manifest.json", created[^1], StringComparison.Ordinal);
        Assert.Contains(calls.Skip(renamed), line => Regex.IsMatch(line, $@"fsync\(\d+<{Regex.Escape(folder["c"])}>"));
    }

    [ToolFact("strace", "--version")]
    public void AFlushThatFailsIsNoSavedCheckpoint()
    {
        using TemporaryFolder folder = new();
        foreach (int call in (int[])[1, 4])
        {
            string[] strace = ["strace", "-f", "-e", "trace=fsync", "-e", $"inject=fsync:error=EIO:when={call}", "-o", folder["trace"]];
            using Process child = ChildProgram.Start("save", folder["c"], strace);
            string error = child.StandardError.ReadToEnd();
            child.WaitForExit();
            Assert.Contains("INJECTED", File.ReadAllText(folder["trace"]), StringComparison.Ordinal);
            Assert.Contains("cannot flush the file", error, StringComparison.Ordinal);
            Assert.Equal((int)ExitCode.RunFailed, child.ExitCode);
            Assert.Empty(Directory.GetFileSystemEntries(folder["c"]));
        }
    }

    [Fact]
    public void AFileThatMayNotGrowEndsTheRunWithItsReason()
    {
        using TemporaryFolder folder = new();
        using Process child = ChildProgram.Start("save", folder["c"], "bash", "-c", MayNotGrow, "bash");
        string error = child.StandardError.ReadToEnd();
        child.WaitForExit();
        Assert.Equal((int)ExitCode.RunFailed, child.ExitCode);
        Assert.Contains("cannot write", error, StringComparison.Ordinal);
        Assert.Single(error.Trim().Split('\n'));
        Assert.Empty(Directory.GetFileSystemEntries(folder["c"]));
    }

    [Fact]
    public void PreparedDataThatMayNotGrowEndWithTheirReason()
    {
        using TemporaryFolder folder = new();
        using Process child = ChildProgram.Start("write-data", folder.Path, "bash", "-c", MayNotGrow, "bash");
        string error = child.StandardError.ReadToEnd();
        child.WaitForExit();
        Assert.Equal((int)ExitCode.RunFailed, child.ExitCode);
        Assert.StartsWith($"{folder["train.ids"]}: cannot be written", error, StringComparison.Ordinal);
    }

    [TmpfsFact]
    public void AFullDiskLeavesThePreviousCheckpointWhole()
    {
        using Tmpfs disk = new(megabytes: 2);
        string folder = Path.Combine(disk.Path, "c");
        CheckpointWriter writer = new(folder, keep: 2);
        writer.Save(TrainingStateTests.Checkpoint(1, elements: 1000));

        CamelsException tooLarge = Assert.Throws<CamelsException>(() => writer.Save(TrainingStateTests.Checkpoint(2, elements: 1_000_000)));
        Assert.Equal(ExitCode.RunFailed, tooLarge.Code);
        Assert.Matches(@"needs \d+\.\d MB and its disk has \d\.\d MB free", tooLarge.Message);

        CamelsException filledUp = Assert.Throws<CamelsException>(() => writer.Save(FillingUp(disk, TrainingStateTests.Checkpoint(2, elements: 100_000))));
        Assert.Equal(ExitCode.RunFailed, filledUp.Code);
        Assert.Matches(@"No space left.*needed \d\.\d MB, \d\.\d MB free", filledUp.Message);

        List<string> warnings = [];
        using TrainingState state = TrainingState.OpenNewest(folder, warnings.Add)!;
        Assert.Equal(1, state.Manifest.Step);
        Assert.Empty(warnings);
        Assert.Equal([Path.Combine(folder, "step-00000001")], Directory.GetFileSystemEntries(folder));
    }

    [Fact]
    public void ASourceThatFailsLeavesThePreviousCheckpointWhole()
    {
        using TemporaryFolder folder = new();
        CheckpointWriter writer = new(folder.Path, keep: 2);
        writer.Save(TrainingStateTests.Checkpoint(1));
        TensorToWrite broken = new("z", StoredType.F32, [4], (_, _) => throw new InvalidOperationException("lost a rank"));
        CheckpointToWrite checkpoint = TrainingStateTests.Checkpoint(2);
        Assert.Throws<InvalidOperationException>(() => writer.Save(checkpoint with { State = [.. checkpoint.State, broken] }));
        Assert.Equal([folder["step-00000001"]], Directory.GetFileSystemEntries(folder.Path));
        TrainingState.Open(folder["step-00000001"]).Dispose();
    }

    // While the checkpoint is written, somebody else takes the space that was free when it was measured.
    private static CheckpointToWrite FillingUp(Tmpfs disk, CheckpointToWrite checkpoint)
    {
        TensorToWrite last = checkpoint.State[0];
        TensorToWrite filling = last with
        {
            Source = (offset, bytes) =>
            {
                last.Source(offset, bytes);
                File.WriteAllBytes(Path.Combine(disk.Path, "others"), new byte[1_400_000]);
            },
        };
        return checkpoint with { State = [filling, .. checkpoint.State.Skip(1)] };
    }
}
