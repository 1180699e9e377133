using System.Text.Json;
using Camels.Engine;
using Camels.Testing;
using Xunit;

namespace Camels.Cli.Tests;

/// <summary>A real model learns from real instructions: a short run of what a user would do, checked as a user would.</summary>
public sealed class RealDataTests
{
    private const int Steps = 100;     // of 16 rows: enough for the fall to be larger than the difference between rows

    [SharedTheory("models/stories260K", "data/train/stanford_alpaca", "data/train/dolly")]
    [InlineData("alpaca", "data/train/stanford_alpaca/alpaca_data.json")]
    [InlineData("dolly", "data/train/dolly/databricks-dolly-15k.jsonl")]
    public void The_loss_falls_from_fifth_to_fifth_and_the_model_is_whole(string dataset, string path)
    {
        string root = Directory.CreateTempSubdirectory("camels-").FullName;
        string run = Path.Combine(root, "run");
        (ExitCode code, string output, string error) = InProcess.Run(
            "finetune", "--model", SharedFiles.Path("models/stories260K"), "--data", $"{dataset}={SharedFiles.Path(path)}:2000", "--output", run,
            "--steps", $"{Steps}", "--batch-size", "16", "--sequence-length", "256", "--learning-rate", "2e-3", "--precision", "fp32");
        Assert.True(code == ExitCode.Done, output + error);

        double[] losses = [.. File.ReadLines(Path.Combine(run, "log.jsonl")).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("loss").GetDouble())];
        double[] fifths = [.. losses.Chunk(Steps / 5).Select(fifth => fifth.Average())];
        Assert.Equal(5, fifths.Length);
        Assert.Equal(fifths.OrderDescending(), fifths);

        string model = Path.Combine(run, "model");
        Assert.Equal(ExitCode.Done, InProcess.Run("verify", "checkpoint", model).Code);
        string prompts = Path.Combine(root, "prompts.jsonl");
        string answers = Path.Combine(root, "answers.jsonl");
        File.WriteAllText(prompts, """{"prompt": "Give three tips for staying healthy."}""");
        Assert.Equal(ExitCode.Done, InProcess.Run("generate", "--model", model, "--prompts", prompts, "--output", answers, "--max-new-tokens", "20").Code);
        Assert.NotEmpty(JsonDocument.Parse(File.ReadAllText(answers)).RootElement.GetProperty("completion").GetString()!);
        Directory.Delete(root, recursive: true);
    }
}
