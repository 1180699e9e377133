using System.Diagnostics;
using System.Text.Json.Nodes;
using Camels.Engine.Checkpoints;
using Xunit;

namespace Camels.Engine.Tests.Checkpoints;

public class RunFolderTests
{
    [Fact]
    public void ANewFolderIsCreatedLockedAndDescribed()
    {
        using TemporaryFolder folder = new();
        using RunFolder run = RunFolder.Open(folder["runs/a"], resume: false);
        run.WriteStatus(new RunStatus("running", Step: 3, Steps: 10));
        JsonNode status = JsonNode.Parse(File.ReadAllText(Path.Combine(run.Path, "status.json")))!;
        Assert.Equal(("running", 3, 10, Environment.ProcessId),
            ((string)status["state"]!, (int)status["step"]!, (int)status["steps"]!, (int)status["process_id"]!));

        CamelsException refused = Assert.Throws<CamelsException>(() => RunFolder.Open(folder["runs/a"], resume: true));
        Assert.Contains($"is in use by process {Environment.ProcessId} on {Environment.MachineName}", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ANonEmptyFolderThatHoldsNoRunIsLeftAlone()
    {
        using TemporaryFolder folder = new();
        folder.WriteFile("thesis.txt", [1]);
        foreach (bool resume in (bool[])[false, true])
        {
            CamelsException refused = Assert.Throws<CamelsException>(() => RunFolder.Open(folder.Path, resume));
            Assert.Equal(ExitCode.Usage, refused.Code);
            Assert.DoesNotContain("--resume", refused.Message, StringComparison.Ordinal);
            Assert.Equal([folder["thesis.txt"]], Directory.GetFileSystemEntries(folder.Path));
        }

        Assert.Equal(ExitCode.Usage, Assert.Throws<CamelsException>(() => RunFolder.Open(folder["thesis.txt"], resume: false)).Code);
    }

    [Fact]
    public void AnotherProgramsStatusIsLeftAlone()
    {
        using TemporaryFolder folder = new();
        folder.WriteFile("status.json", "{\"state\": \"sunny\"}"u8);
        Assert.Throws<CamelsException>(() => RunFolder.Open(folder.Path, resume: false));
        Assert.Throws<CamelsException>(() => RunFolder.Open(folder.Path, resume: true));
        Assert.Single(Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public void WhatARefusedRunLeftIsTakenOverAndARunIsNot()
    {
        using TemporaryFolder folder = new();
        RunFolder.Open(folder["r"], resume: false).Dispose();
        Directory.CreateDirectory(folder["r/checkpoints"]);
        File.WriteAllText(folder["r/status.json.partial"], "");
        RunFolder.Open(folder["r"], resume: false).Dispose();

        Directory.CreateDirectory(folder["r/checkpoints/step-00000001"]);
        CamelsException refused = Assert.Throws<CamelsException>(() => RunFolder.Open(folder["r"], resume: false));
        Assert.Contains("--resume", refused.Message, StringComparison.Ordinal);
        RunFolder.Open(folder["r"], resume: true).Dispose();
    }

    [Fact]
    public void CheckpointsAloneAreARun()
    {
        using TemporaryFolder folder = new();
        Directory.CreateDirectory(folder["r/checkpoints/step-00000001"]);
        CamelsException refused = Assert.Throws<CamelsException>(() => RunFolder.Open(folder["r"], resume: false));
        Assert.Contains("--resume", refused.Message, StringComparison.Ordinal);
        RunFolder.Open(folder["r"], resume: true).Dispose();
    }

    [Fact]
    public void AFileWhereTheFolderShouldBeIsRefused()
    {
        using TemporaryFolder folder = new();
        folder.WriteFile("a", [1]);
        Assert.Equal(ExitCode.Usage, Assert.Throws<CamelsException>(() => RunFolder.Open(folder["a"], resume: true)).Code);
        Assert.Equal(ExitCode.RunFailed, Assert.Throws<CamelsException>(() => RunFolder.Open(folder["a/b"], resume: true)).Code);
    }

    [TmpfsFact]
    public void AReadOnlyDiskIsNotTakenForAnotherProcess()
    {
        using Tmpfs disk = new(megabytes: 1);
        string run = Path.Combine(disk.Path, "r");
        RunFolder.Open(run, resume: false).Dispose();
        Assert.True(Tool.Succeeds("mount", "-o", "remount,ro", disk.Path));
        CamelsException refused = Assert.Throws<CamelsException>(() => RunFolder.Open(run, resume: true));
        Assert.Equal(ExitCode.RunFailed, refused.Code);
        Assert.Contains("cannot write to", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ASecondProcessIsRefusedUntilTheFirstEndsHoweverItEnds()
    {
        using TemporaryFolder folder = new();
        using Process first = ChildProgram.Start("lock", folder["r"]);
        Assert.Equal("locked", first.StandardOutput.ReadLine());

        using Process second = ChildProgram.Start("lock", folder["r"]);
        second.StandardInput.Close();
        string error = second.StandardError.ReadToEnd();
        second.WaitForExit();
        Assert.Equal((int)ExitCode.Usage, second.ExitCode);
        Assert.Contains($"is in use by process {first.Id} on {Environment.MachineName}", error, StringComparison.Ordinal);
        Assert.Throws<CamelsException>(() => RunFolder.Open(folder["r"], resume: false));

        first.Kill();
        first.WaitForExit();
        RunFolder.Open(folder["r"], resume: true).Dispose();
    }
}
