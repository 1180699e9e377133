using System.Text.Json;
using Camels.Engine.Checkpoints;
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
        File.Delete(Path.Combine(_folder, "data.jsonl"));
        Assert.Throws<CamelsException>(() => Run(recipe, resume: true, stopAfter: int.MaxValue));
        Assert.Equal(status, File.ReadAllText(Path.Combine(recipe.Output, "status.json")));
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
        Recipe over = recipe with { Model = recipe.Model with { Path = Path.Combine(_folder, "model") } };
        Recipe data = recipe with { Data = recipe.Data with { Sources = [new("messages", Path.Combine(_folder, "checkpoints", "data.jsonl"))] } };
        foreach (Recipe wrong in (Recipe[])[over, data])
        {
            CamelsException refused = Assert.Throws<CamelsException>(() => Run(wrong, resume: true, stopAfter: int.MaxValue));
            Assert.Equal(ExitCode.Usage, refused.Code);
            Assert.Contains("which the run itself writes", refused.Message);
        }
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
