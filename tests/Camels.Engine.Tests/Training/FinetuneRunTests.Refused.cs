using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Camels.Engine.Checkpoints;
using Camels.Engine.Data;
using Camels.Engine.Parameters;
using Camels.Engine.Training;
using Camels.Kernels;
using Xunit;

namespace Camels.Engine.Tests.Training;

// Runs that are refused, stopped before they begin, or fail: what they leave.
public sealed partial class FinetuneRunTests
{
    [Fact]
    public void A_changed_recipe_is_refused_and_more_steps_are_not()
    {
        Recipe recipe = RecipeFor("changed", steps: 2);
        _ = Run(recipe, resume: false, stopAfter: int.MaxValue);
        CamelsException refused = Assert.Throws<CamelsException>(() => Run(
            recipe with { Training = recipe.Training with { LearningRate = 1 } }, resume: true, stopAfter: int.MaxValue));
        Assert.Equal(ExitCode.Usage, refused.Code);
        Assert.Contains("training.learning_rate", refused.Message);
        Assert.Equal(3, Run(recipe with { Training = recipe.Training with { Steps = 3 } }, resume: true, stopAfter: int.MaxValue).StepsDone);
    }

    [Fact]
    public void A_refused_resumption_leaves_the_status_alone()
    {
        Recipe recipe = RecipeFor("status", steps: 2);
        Assert.True(Run(recipe, resume: false, stopAfter: 1).IsInterrupted);
        string status = File.ReadAllText(Path.Combine(recipe.Output, "status.json"));
        Recipe changed = recipe with { Training = recipe.Training with { LearningRate = 1 } };
        Assert.Throws<CamelsException>(() => Run(changed, resume: true, stopAfter: int.MaxValue));
        Assert.Equal(status, File.ReadAllText(Path.Combine(recipe.Output, "status.json")));
        Directory.Delete(Path.Combine(_folder, "cache"), recursive: true);
        Assert.Throws<OperationCanceledException>(() => Run(recipe, resume: true, stopAfter: 0));
        Assert.Equal(status, File.ReadAllText(Path.Combine(recipe.Output, "status.json")));
        File.Delete(Path.Combine(_folder, "data.jsonl"));
        Assert.Throws<CamelsException>(() => Run(recipe, resume: true, stopAfter: int.MaxValue));
        Assert.Equal(status, File.ReadAllText(Path.Combine(recipe.Output, "status.json")));
    }

    [Fact]
    public void A_resumption_that_fails_after_its_first_step_says_so()
    {
        Recipe recipe = RecipeFor("failing", steps: 3);
        Assert.True(Run(recipe, resume: false, stopAfter: 1).IsInterrupted);
        CountingWatcher watcher = new(int.MaxValue) { OnStepped = () => throw new IOException("the terminal is gone") };
        Assert.Throws<CamelsException>(() => Run(recipe, resume: true, watcher, Device.OpenCpu(threads: 1)));
        using JsonDocument status = JsonDocument.Parse(File.ReadAllText(Path.Combine(recipe.Output, "status.json")));
        Assert.Equal("failed", status.RootElement.GetProperty("state").GetString());
        Assert.Equal(2, status.RootElement.GetProperty("step").GetInt64());
    }

    [Fact]
    public void A_file_that_cannot_be_written_fails_the_run()
    {
        Recipe recipe = RecipeFor("unwritable", steps: 2);
        _ = Directory.CreateDirectory(recipe.Output);
        CountingWatcher watcher = new(int.MaxValue) { OnNote = () => Directory.CreateDirectory(Path.Combine(recipe.Output, "recipe.yaml")) };
        CamelsException failed = Assert.Throws<CamelsException>(() => Run(recipe, resume: false, watcher, Device.OpenCpu(threads: 1)));
        Assert.Equal(ExitCode.RunFailed, failed.Code);
        Assert.Contains("recipe.yaml", failed.Message);
        Assert.Contains("\"failed\"", File.ReadAllText(Path.Combine(recipe.Output, "status.json")));
    }

    [Fact]
    public void A_run_refused_before_its_first_step_does_not_block_the_next()
    {
        Recipe recipe = RecipeFor("typo", steps: 1);
        Recipe typo = recipe with { Model = recipe.Model with { Path = Path.Combine(_folder, "bsae") } };
        Assert.Throws<CamelsException>(() => Run(typo, resume: false, stopAfter: int.MaxValue));
        Assert.Equal(1, Run(recipe, resume: false, stopAfter: int.MaxValue).StepsDone);
    }

    [Fact]
    public void Inputs_where_the_run_writes_are_refused()
    {
        Recipe recipe = RecipeFor("", steps: 1);
        Directory.Move(Path.Combine(_folder, "base"), Path.Combine(_folder, "model"));
        DataSource data = new("messages", Path.Combine(_folder, "checkpoints", "data.jsonl"));
        foreach ((string key, Recipe wrong) in ((string, Recipe)[])
        [
            ("model.path", recipe with { Model = recipe.Model with { Path = Path.Combine(_folder, "model") } }),
            ("model.adapter", recipe with { Model = recipe.Model with { Adapter = Path.Combine(_folder, "model", "adapter") } }),
            ("model.tokenizer", recipe with { Model = recipe.Model with { Tokenizer = Path.Combine(_folder, "model") } }),
            ("data.sources", recipe with { Data = recipe.Data with { Sources = [data] } }),
            ("data.validation.sources", recipe with { Data = recipe.Data with { Validation = new() { Sources = [data] } } }),
        ])
        {
            CamelsException refused = Assert.Throws<CamelsException>(() => Run(wrong, resume: true, stopAfter: int.MaxValue));
            Assert.Equal(ExitCode.Usage, refused.Code);
            Assert.Matches($"^{key} .* which the run itself writes", refused.Message);
        }
    }

    [Fact]
    public void An_output_among_the_data_is_refused_and_leaves_no_trace_there()
    {
        string folder = Directory.CreateDirectory(Path.Combine(_folder, "data")).FullName;
        File.Move(Path.Combine(_folder, "data.jsonl"), Path.Combine(folder, "data.jsonl"));
        Recipe recipe = RecipeFor(Path.Combine("data", "run"), steps: 1);
        recipe = recipe with { Data = recipe.Data with { Sources = [new("messages", folder)] } };
        CamelsException refused = Assert.Throws<CamelsException>(() => Run(recipe, resume: false, stopAfter: int.MaxValue));
        Assert.Equal(ExitCode.Usage, refused.Code);
        Assert.Contains("whose files are the data", refused.Message);
        Assert.Single(Directory.EnumerateFileSystemEntries(folder));
        Assert.Equal(1, Run(recipe with { Output = Path.Combine(_folder, "data-run") }, resume: false, stopAfter: int.MaxValue).StepsDone);
    }

    [Fact]
    public void A_run_folder_that_was_moved_and_paths_that_are_spelled_otherwise_resume()
    {
        Recipe recipe = RecipeFor("here", steps: 2);
        Assert.True(Run(recipe, resume: false, stopAfter: 1).IsInterrupted);
        Directory.Move(recipe.Output, Path.Combine(_folder, "there"));
        Recipe moved = recipe with
        {
            Output = Path.Combine(_folder, "there"),
            Model = recipe.Model with { Path = $"{_folder}/./base/" },
            Data = recipe.Data with { Sources = [new("messages", $"{_folder}/base/../data.jsonl")] },
        };
        Assert.Equal(2, Run(moved, resume: true, stopAfter: int.MaxValue).StepsDone);
    }

    [Fact]
    public void The_status_says_running_from_the_first_step_on()
    {
        Recipe recipe = RecipeFor("watched", steps: 2);
        List<string> states = [];
        CountingWatcher watcher = new(int.MaxValue)
        {
            OnStepped = () => states.Add(File.ReadAllText(Path.Combine(recipe.Output, "status.json"))),
        };
        _ = Run(recipe, resume: false, watcher, Device.OpenCpu(threads: 1));
        Assert.All(states, status => Assert.Matches("\"state\": \"running\",\\s*\"step\": 0,\\s*\"steps\": 2", status));
    }

    [Fact]
    public void A_stop_while_data_are_prepared_stops_there()
    {
        Recipe recipe = RecipeFor("early", steps: 2);
        Assert.Throws<OperationCanceledException>(() => Run(recipe, resume: false, stopAfter: 0));
        using JsonDocument status = JsonDocument.Parse(File.ReadAllText(Path.Combine(recipe.Output, "status.json")));
        Assert.Equal("interrupted", status.RootElement.GetProperty("state").GetString());
        Assert.False(Directory.Exists(Path.Combine(recipe.Output, "checkpoints")));
        Assert.Equal(2, Run(recipe, resume: true, stopAfter: int.MaxValue).StepsDone);
    }

    [Fact]
    public void Changed_data_are_refused_and_left_alone()
    {
        Recipe recipe = RecipeFor("moved", steps: 4);
        Assert.True(Run(recipe, resume: false, stopAfter: 2).IsInterrupted);
        string data = Path.Combine(_folder, "data.jsonl");
        string[] records = File.ReadAllLines(data);
        File.WriteAllLines(data, records.Select(record => record.Replace("say", "tell", StringComparison.Ordinal)));
        CamelsException refused = Assert.Throws<CamelsException>(() => Run(recipe, resume: true, stopAfter: int.MaxValue));
        Assert.Equal(ExitCode.Usage, refused.Code);
        Assert.Contains("step 2 was trained on other data", refused.Message);
        File.WriteAllLines(data, records);
        Assert.Equal(4, Run(recipe, resume: true, stopAfter: int.MaxValue).StepsDone);
    }

    // What is trained comes from the checkpoint; what is frozen, and the config, from the model's folder.
    [Theory]
    [InlineData(false, "model.safetensors", false)]
    [InlineData(true, "model.safetensors", true)]
    [InlineData(false, "config.json", true)]
    public void A_changed_model_is_refused_where_a_run_goes_on_from_it(bool isFrozen, string file, bool isRefused)
    {
        Recipe recipe = RecipeFor("other model", steps: 2) with { Adapter = isFrozen ? new AdapterSettings { Targets = ["all"] } : null };
        Assert.True(Run(recipe, resume: false, stopAfter: 1).IsInterrupted);
        string path = Path.Combine(recipe.Model.Path!, file);
        byte[] before = File.ReadAllBytes(path);
        byte[] after = [.. before];
        if (file == "config.json")
        {
            after = Encoding.UTF8.GetBytes(Regex.Replace(Encoding.UTF8.GetString(before), "\"rms_norm_eps\": [^,]*", "\"rms_norm_eps\": 0.5"));
            Assert.NotEqual(before, after);
        }
        else
        {
            BitConverter.TryWriteBytes(after.AsSpan(^4), 0.25f);
        }

        File.WriteAllBytes(path, after);
        if (isRefused)
        {
            CamelsException refused = Assert.Throws<CamelsException>(() => Run(recipe, resume: true, stopAfter: int.MaxValue));
            Assert.Equal(ExitCode.Usage, refused.Code);
            Assert.Matches("step 1 was trained on another model than .*base is now: its config", refused.Message);
            File.WriteAllBytes(path, before);
        }

        Assert.Equal(2, Run(recipe, resume: true, stopAfter: int.MaxValue).StepsDone);
    }

    [Theory]
    [InlineData("fp32", 1e30, "not finite, so")]
    [InlineData("fp16", 1e4, "not finite, 20 times in a row, so")]
    public void A_step_that_is_not_finite_ends_the_run_with_the_state_before_it(string precision, double learningRate, string message)
    {
        Recipe recipe = RecipeFor("exploded", Steps) with { Precision = RecipeNames.Precisions[precision] };
        recipe = recipe with { Training = recipe.Training with { LearningRate = learningRate, ClipNorm = 0 } };
        CamelsException failed = Assert.Throws<CamelsException>(() => Run(recipe, resume: false, stopAfter: int.MaxValue));
        Assert.Equal(ExitCode.RunFailed, failed.Code);
        Assert.Contains(message, failed.Message);
        using TrainingState? saved = TrainingState.OpenNewest(Path.Combine(recipe.Output, "checkpoints"), _ => { });
        Assert.NotNull(saved);
        using JsonDocument status = JsonDocument.Parse(File.ReadAllText(Path.Combine(recipe.Output, "status.json")));
        Assert.Equal("failed", status.RootElement.GetProperty("state").GetString());
        Assert.Equal(saved.Manifest.Step, status.RootElement.GetProperty("step").GetInt64());
    }

    // Loss and gradient of the last step are finite; what it makes of the weights is not, and would be found only by who reads them.
    [Theory]
    [InlineData("fp32", 1e39)]
    [InlineData("fp16", 1e6)]
    public void Weights_that_are_not_finite_are_neither_saved_nor_exported(string precision, double learningRate)
    {
        Recipe recipe = RecipeFor("diverged", steps: 1) with { Precision = RecipeNames.Precisions[precision] };
        recipe = recipe with { Training = recipe.Training with { WarmupRatio = 0, WarmupSteps = 0, Schedule = ScheduleKind.Constant } };
        Assert.Equal(1, Run(recipe, resume: false, stopAfter: int.MaxValue).StepsDone);
        Recipe diverging = RecipeFor("diverging", steps: 1) with { Precision = recipe.Precision, Training = recipe.Training with { LearningRate = learningRate } };
        CamelsException failed = Assert.Throws<CamelsException>(() => Run(diverging, resume: false, stopAfter: int.MaxValue));
        Assert.Equal(ExitCode.RunFailed, failed.Code);
        Assert.Matches("^after step 1: '.*' holds numbers that are not finite, so nothing was saved; no checkpoint was written yet", failed.Message);
        Assert.False(Directory.Exists(Path.Combine(diverging.Output, "model")));
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(diverging.Output, "checkpoints")));
    }

    [Fact]
    public void A_model_with_numbers_that_are_not_finite_is_refused()
    {
        Recipe recipe = RecipeFor("broken model", steps: 1);
        string path = Path.Combine(recipe.Model.Path!, "model.safetensors");
        byte[] bytes = File.ReadAllBytes(path);
        BitConverter.TryWriteBytes(bytes.AsSpan(^4), float.NaN);
        File.WriteAllBytes(path, bytes);
        CamelsException refused = Assert.Throws<CamelsException>(() => Run(recipe, resume: false, stopAfter: int.MaxValue));
        Assert.Equal(ExitCode.BadInput, refused.Code);
        Assert.Matches("model.safetensors: tensor '.*' holds numbers that are not finite as F32$", refused.Message);
    }
}
