using System.Globalization;
using System.Text.Json;
using Camels.Engine;
using Xunit;

namespace Camels.Cli.Tests;

/// <summary>From conversations to a model folder and back to text, through the program's own verbs.</summary>
public sealed class RunVerbTests
{
    [Fact]
    public void Finetune_writes_a_run_folder_that_verifies_and_generates()
    {
        using SmallRun small = new();
        (ExitCode code, string output, string error) = small.Run(small.Finetune());
        Assert.True(code == ExitCode.Done, output + error);
        Assert.Matches("peak of mfu in log.jsonl: measured fp32 multiply-adds in registers, [0-9]+ threads: [0-9.]+ GFLOP/s", output);
        string model = Path.Combine(small.Output, "model");
        string checkpoint = Path.Combine(small.Output, "checkpoints", "step-00000004");
        Assert.All(["recipe.yaml", "log.jsonl", "audit.json", "status.json"], name => Assert.True(File.Exists(Path.Combine(small.Output, name)), name));
        JsonElement[] log = [.. File.ReadLines(Path.Combine(small.Output, "log.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal(4, log.Length);
        Assert.All(log, line => Assert.InRange(line.GetProperty("mfu").GetDouble(), 1e-9, 1));
        Assert.Equal(ExitCode.Done, small.Run("verify", "checkpoint", model).Code);
        Assert.Equal(ExitCode.Done, small.Run("verify", "checkpoint", checkpoint).Code);
        Assert.Equal(ExitCode.Done, small.Run("inspect", model).Code);
        Assert.Equal(ExitCode.Done, small.Run("inspect", checkpoint).Code);

        string prompts = small.Write("prompts.jsonl", """{"id":"a","prompt":"reverse 1"}""" + "\n" + """{"messages":[{"role":"user","content":"b"}]}""" + "\n");
        string answers = Path.Combine(small.Root, "answers.jsonl");
        Assert.Equal(ExitCode.Done, small.Run("generate", "--model", model, "--prompts", prompts, "--output", answers, "--max-new-tokens", "3", "--logprobs").Code);
        JsonElement[] lines = [.. File.ReadLines(answers).Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal(["a", "2"], lines.Select(line => line.GetProperty("id").GetString()));
        Assert.All(lines, line => Assert.InRange(line.GetProperty("token_ids").GetArrayLength(), 0, 3));
        Assert.All(lines, line => Assert.True(line.GetProperty("logprobs").GetArrayLength() >= line.GetProperty("token_ids").GetArrayLength()));
        Assert.All(lines, line => Assert.Contains(line.GetProperty("finish_reason").GetString(), new[] { "eos", "length" }));
    }

    [Fact]
    public void Generate_ends_at_what_only_generation_config_names()
    {
        using SmallRun small = new();
        string prompts = small.Write("prompts.jsonl", """{"prompt":"reverse 1"}""");
        string answers = Path.Combine(small.Root, "answers.jsonl");
        JsonElement Generated()
        {
            (ExitCode code, string output, string error) = small.Run("generate", "--model", small.Model, "--prompts", prompts, "--output", answers, "--max-new-tokens", "2");
            Assert.True(code == ExitCode.Done, output + error);
            return JsonDocument.Parse(File.ReadAllText(answers)).RootElement;
        }

        JsonElement before = Generated();
        Assert.Equal("length", before.GetProperty("finish_reason").GetString());
        File.WriteAllText(Path.Combine(small.Model, "generation_config.json"), $$"""{"eos_token_id": [{{before.GetProperty("token_ids")[0]}}]}""");
        Assert.Equal("eos", Generated().GetProperty("finish_reason").GetString());
    }

    [Fact]
    public void A_step_of_more_rows_than_there_are_takes_them_all()
    {
        using SmallRun small = new();
        (ExitCode code, string output, string error) = small.Run(small.Finetune(steps: 1, "--set", $"training.batch_size={int.MaxValue}"));
        Assert.True(code == ExitCode.Done, output + error);
    }

    [Fact]
    public void Numbers_are_written_as_everywhere_where_the_culture_has_commas()
    {
        CultureInfo before = CultureInfo.CurrentCulture;
        CultureInfo commas = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        commas.NumberFormat.NumberDecimalSeparator = ",";
        try
        {
            CultureInfo.CurrentCulture = commas;
            using SmallRun small = new();
            Assert.Matches(@"a checkpoint takes [0-9]+\.[0-9] MB", small.Run(small.Finetune(steps: 1)).Output);
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void A_used_run_folder_is_refused_and_resume_takes_a_longer_run()
    {
        using SmallRun small = new();
        Assert.Equal(ExitCode.Done, small.Run(small.Finetune()).Code);
        Assert.Equal(ExitCode.Usage, small.Run(small.Finetune()).Code);
        (ExitCode changed, _, string error) = small.Run(small.Finetune(steps: 4, "--resume", "--learning-rate", "1"));
        Assert.Equal(ExitCode.Usage, changed);
        Assert.Contains("training.learning_rate", error, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Done, small.Run(small.Finetune(steps: 6, "--resume")).Code);
        Assert.Equal(6, File.ReadLines(Path.Combine(small.Output, "log.jsonl")).Count());
    }

    [Fact]
    public void Prepare_shows_the_audit_and_inspect_marks_what_is_trained()
    {
        using SmallRun small = new();
        string prepared = Path.Combine(small.Root, "prepared");
        (ExitCode code, string output, string error) = small.Run(
            "prepare", "--data", $"messages={small.Data}", "--tokenizer", small.Tokenizer, "--output", prepared, "--sequence-length", "64");
        Assert.True(code == ExitCode.Done, output + error);
        Assert.Contains("100.0 %", output, StringComparison.Ordinal);
        Assert.Contains($"prepared in {prepared}", output, StringComparison.Ordinal);
        (code, output, _) = small.Run("inspect", prepared, "--tokenizer", small.Tokenizer);
        Assert.Equal(ExitCode.Done, code);
        Assert.Contains("[r] [e] [v] [e] [r] [s] [e] [d] [</s>]", output, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Usage, small.Run("inspect", prepared, "--row", "1000").Code);
        (code, output, _) = small.Run("inspect", prepared, "--example", "3", "--source", "messages");
        Assert.Equal(ExitCode.Done, code);
        string[] shown = output[output.IndexOf("example 3", StringComparison.Ordinal)..].Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, shown.Length);      // the legend and the one document
        Assert.Contains("] [", shown[1], StringComparison.Ordinal);
        Assert.Equal(ExitCode.Usage, small.Run("inspect", prepared, "--example", "100000").Code);
        Assert.Equal(ExitCode.Usage, small.Run("inspect", prepared, "--example", "3", "--source", "other").Code);
    }

    [Theory]
    [InlineData("--source nosuch", "is none of")]
    [InlineData("--source messages", "needs --example")]
    [InlineData("--row 0 --example 0", "exclude each other")]
    [InlineData("--row -1", "outside")]
    public void A_choice_of_prepared_data_that_says_nothing_is_refused(string flags, string mentions)
    {
        using SmallRun small = new();
        string prepared = Path.Combine(small.Root, "prepared");
        Assert.Equal(ExitCode.Done, small.Run(
            "prepare", "--data", $"messages={small.Data}", "--tokenizer", small.Tokenizer, "--output", prepared, "--sequence-length", "64").Code);
        (ExitCode code, _, string error) = small.Run(["inspect", prepared, .. flags.Split(' ')]);
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains(mentions, error, StringComparison.Ordinal);
    }

    [Fact]
    public void Flags_for_prepared_data_are_refused_for_anything_else()
    {
        using SmallRun small = new();
        foreach (string flag in (string[])["--row 0", "--example 0", "--source messages", "--split train", $"--tokenizer {small.Tokenizer}"])
        {
            foreach (string path in (string[])[small.Model, Path.Combine(small.Model, "model.safetensors"), small.Root])
            {
                (ExitCode code, _, string error) = small.Run(["inspect", path, .. flag.Split(' ', 2)]);
                Assert.Equal(ExitCode.Usage, code);
                Assert.Contains(flag.Split(' ')[0], error, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void Prepare_with_a_tokenizer_keeps_out_of_the_run_folder()
    {
        using SmallRun small = new();
        string recipe = small.Write(
            "recipe.yaml",
            $"model: {{path: {small.Model}}}\ndata: {{sources: [{{dataset: messages, path: {small.Data}}}], sequence_length: 64}}\noutput: {small.Output}\n");
        (ExitCode code, _, string error) = small.Run("prepare", "--recipe", recipe, "--tokenizer", small.Tokenizer);
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains("--output", error, StringComparison.Ordinal);
        foreach (string[] model in (string[][])[["--model", small.Model], ["--set", $"model.path={small.Model}"]])
        {
            (code, _, error) = small.Run(
                ["prepare", "--data", $"messages={small.Data}", "--tokenizer", small.Tokenizer, "--output", small.Output, .. model]);
            Assert.Equal(ExitCode.Usage, code);
            Assert.Contains($"--model {small.Model} exclude each other", error, StringComparison.Ordinal);
            Assert.False(Path.Exists(small.Output));
        }

        string prepared = Path.Combine(small.Root, "prepared");
        Assert.Equal(ExitCode.Done, small.Run("prepare", "--recipe", recipe, "--tokenizer", small.Tokenizer, "--output", prepared).Code);
        Assert.True(File.Exists(Path.Combine(prepared, "train.ids")));
    }

    [Theory]
    [InlineData("bench train --shape quickstart --batch 2 --sequence-length 16 --steps 2 --threads 1", "tokens_per_second")]
    [InlineData("bench generate --shape quickstart --batch 2 --prompt-tokens 4 --new-tokens 4 --threads 1", "prefill_tokens_per_second")]
    [InlineData("bench kernels --filter SumOfSquares --threads 1", "fma_peak_flops_per_second")]
    public void Measurements_are_numbers(string arguments, string name)
    {
        (ExitCode code, string output, string error) = InProcess.Run([.. arguments.Split(' '), "--json"]);
        Assert.True(code == ExitCode.Done, error);
        Assert.True(JsonDocument.Parse(output).RootElement.GetProperty(name).GetDouble() > 0);
    }
}
