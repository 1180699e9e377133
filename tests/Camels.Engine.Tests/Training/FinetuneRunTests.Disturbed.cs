using System.Text.Json.Nodes;
using Camels.Engine.Tests.Checkpoints;
using Camels.Engine.Training;
using Camels.Kernels;
using Xunit;

namespace Camels.Engine.Tests.Training;

// Files that change or are lost while a run goes on, or between two runs.
public sealed partial class FinetuneRunTests
{
    [Theory]
    [InlineData("{\"st", 0)]
    [InlineData("", 1)]
    public void A_log_that_lost_a_line_keeps_the_others_and_lost_ends_are_said(string third, int warnings)
    {
        Recipe recipe = RecipeFor($"lost {warnings}", steps: 4);
        _ = Run(recipe, resume: false, stopAfter: int.MaxValue);
        string log = Path.Combine(recipe.Output, "log.jsonl");
        string[] lines = File.ReadAllLines(log);
        File.WriteAllLines(log, third.Length > 0 ? [lines[0], lines[1], third, lines[3]] : lines[..2]);
        CountingWatcher watcher = new(int.MaxValue);
        _ = Run(recipe with { Training = recipe.Training with { Steps = 5 } }, resume: true, watcher, Device.OpenCpu(threads: 2));
        Assert.Equal(warnings, watcher.Notes.Count(note => note.EndsWith("log.jsonl has lost its lines after step 2; the run goes on after step 4", StringComparison.Ordinal)));
        Assert.Equal(third.Length > 0 ? [lines[0], lines[1], third, lines[3]] : lines[..2], File.ReadAllLines(log)[..^1]);
    }

    [TmpfsFact]
    public void A_run_whose_disk_fills_up_ends_as_failed_and_its_status_says_so()
    {
        using Tmpfs disk = new(megabytes: 8);
        Recipe recipe = RecipeFor("full", steps: 40) with { Output = Path.Combine(disk.Path, "run") };
        CountingWatcher watcher = new(int.MaxValue) { OnStepped = () => Fill(Path.Combine(disk.Path, "others")) };
        CamelsException failure = Assert.Throws<CamelsException>(() => Run(recipe, resume: false, watcher, Device.OpenCpu(threads: 2)));
        Assert.Equal(ExitCode.RunFailed, failure.Code);
        Assert.StartsWith($"{Path.Combine(recipe.Output, "log.jsonl")}: cannot be written", failure.Message, StringComparison.Ordinal);
        JsonNode status = JsonNode.Parse(File.ReadAllText(Path.Combine(recipe.Output, "status.json")))!;
        Assert.Equal(("failed", failure.Message), ((string?)status["state"], (string?)status["message"]));
    }

    [Fact]
    public void A_run_folder_that_is_moved_is_said()
    {
        Recipe recipe = RecipeFor("moved", steps: 2);
        string moved = Path.Combine(_folder, "moved away");
        CountingWatcher watcher = new(int.MaxValue)
        {
            OnStepped = () =>
            {
                if (!Directory.Exists(moved))
                {
                    Directory.Move(recipe.Output, moved);
                }
            },
        };
        RunOutcome outcome = Run(recipe, resume: false, watcher, Device.OpenCpu(threads: 2));
        Assert.True(Directory.Exists(outcome.ModelPath));
        Assert.Contains(watcher.Notes, note => note.StartsWith($"warning: {recipe.Output} was moved or removed under the run", StringComparison.Ordinal));
    }

    [Fact]
    public void What_is_saved_has_its_tokenizer_though_the_models_folder_is_gone()
    {
        Recipe recipe = RecipeFor("gone", steps: 3);
        string[] names = [.. Directory.EnumerateFiles(Path.Combine(_folder, "base")).Select(file => Path.GetFileName(file)).Order()];
        CountingWatcher watcher = new(int.MaxValue)
        {
            OnStepped = () =>
            {
                if (Directory.Exists(Path.Combine(_folder, "base")))
                {
                    Directory.Delete(Path.Combine(_folder, "base"), recursive: true);
                }
            },
        };
        RunOutcome outcome = Run(recipe, resume: false, watcher, Device.OpenCpu(threads: 2));
        Assert.Contains("tokenizer.json", names);
        Assert.Empty(names.Except(Directory.EnumerateFiles(outcome.ModelPath!).Select(file => Path.GetFileName(file))));
    }

    private static void Fill(string path)
    {
        using FileStream file = new(path, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);
        try
        {
            while (true)
            {
                file.Write(new byte[4096]);
            }
        }
        catch (IOException)
        {
            // The disk is full.
        }
    }
}
