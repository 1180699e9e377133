using System.Text.Json;
using Camels.Engine;
using Xunit;

namespace Camels.Cli.Tests;

/// <summary>A run is planned from its recipe, without weights, tokenizer or data.</summary>
public sealed class PlanVerbTests
{
    private static readonly string[] _preset =
    [
        "plan", "--set", "model={family: llama, size: 65b, initialize: random, tokenizer: nowhere}", "--data", "alpaca=nowhere.json", "--output", "nowhere",
        "--steps", "1000",
    ];

    [Fact]
    public void A_plan_is_one_object_and_what_does_not_fit_is_refused()
    {
        (ExitCode code, string output, string error) = InProcess.Run([.. _preset, "--gpu", "A100", "--json"]);
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains("A100 has 80.00 GB\nit fits, cheapest first, with ", error, StringComparison.Ordinal);
        JsonElement plan = JsonDocument.Parse(output).RootElement;
        Assert.False(plan.GetProperty("fits").GetBoolean());
        Assert.Equal(65_285_660_672, plan.GetProperty("parameters").GetInt64());
        Assert.NotEmpty(plan.GetProperty("ways").EnumerateArray());
        JsonElement memory = plan.GetProperty("memory");
        Assert.Equal(
            memory.GetProperty("total_bytes").GetInt64(),
            new[] { "weight_bytes", "master_bytes", "moment_bytes", "gradient_bytes", "table_bytes", "activation_bytes", "batch_bytes" }.Sum(name => memory.GetProperty(name).GetInt64()));

        // 2 · 80 blocks · 8192 channels · 2 bytes for each of generate's 16,384 tokens.
        Assert.Equal(2L * 80 * 8192 * 2 * 16384, plan.GetProperty("generation").GetProperty("cache_bytes").GetInt64());
        Assert.True(plan.GetProperty("least_step_seconds").GetDouble() > 0);
        JsonElement[] course = [.. plan.GetProperty("learning_rate").EnumerateArray()];
        Assert.Equal([0, 250, 500, 750, 1000], course.Select(point => point.GetProperty("step").GetInt64()));
        Assert.Equal(0, course[0].GetProperty("rate").GetDouble());
        Assert.Equal(2e-5 * 750 / 970, course[1].GetProperty("rate").GetDouble(), tolerance: 1e-18);
        Assert.Equal(0, course[4].GetProperty("rate").GetDouble());

        (code, output, error) = InProcess.Run([.. _preset, "--gpu-memory", "1.6TB"]);
        Assert.True(code == ExitCode.Done, error);
        Assert.Contains("65,285,660,672 parameters", output, StringComparison.Ordinal);
    }

    // 128 rows at once of 2048 tokens: the head's workspace has more elements than 32 bits count.
    [Fact]
    public void Many_lanes_at_once_of_a_large_model_are_planned()
    {
        (ExitCode code, string output, string error) = InProcess.Run(
            [.. _preset, "--set", "model.size=7b", "--set", "training.batch_size=128", "--set", "sharding.lanes=128", "--gpu-memory", "10TB"]);
        Assert.True(code == ExitCode.Done, error);
        Assert.Contains("activations", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--gpus 2", "this version plans one device")]
    [InlineData("--gpu-memory 80", "is no amount of memory")]
    [InlineData("--gpu-memory -1GB", "is no amount of memory")]
    [InlineData("--gpu B7", "--gpu B7 is not known; there are ")]
    [InlineData("--set model.size=6b", "there is no llama-6b; did you mean")]
    [InlineData("--set training.fused=true", "training.fused: a step must be one micro-step")]
    public void What_cannot_be_planned_is_named(string arguments, string wrong)
    {
        (ExitCode code, _, string error) = InProcess.Run([.. _preset, .. arguments.Split(' ')]);
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains(wrong, error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_that_does_not_fit_is_refused_with_what_plan_suggests()
    {
        using SmallRun small = new();
        (ExitCode code, _, string error) = small.Run(
            "finetune", "--set", $"model={{family: llama, size: 65b, initialize: random, tokenizer: {small.Tokenizer}}}", "--data", $"messages={small.Data}",
            "--output", small.Output, "--sequence-length", "64");
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains("camels: training takes ", error, StringComparison.Ordinal);
        Assert.Equal(2, error.TrimEnd().Split('\n').Length);
        Assert.Equal("failed", JsonDocument.Parse(File.ReadAllText(Path.Combine(small.Output, "status.json"))).RootElement.GetProperty("state").GetString());
    }
}
