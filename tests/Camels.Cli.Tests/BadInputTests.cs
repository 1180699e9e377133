using Camels.Engine;
using Xunit;

namespace Camels.Cli.Tests;

/// <summary>Bad input costs nothing and shows no stack trace: one or two lines that say where and what, and the contract's exit code.</summary>
public sealed class BadInputTests
{
    private static void Refused(ExitCode expected, string mentions, (ExitCode Code, string Output, string Error) result)
    {
        Assert.True(expected == result.Code, $"{result.Code}: {result.Output}{result.Error}");
        Assert.InRange(result.Error.TrimEnd().Split('\n').Length, 1, 2);
        Assert.Contains(mentions, result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", ExitCode.BadInput, "nothing to train on")]
    [InlineData("{\"messages\":[\n", ExitCode.BadInput, "line 1")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}\n", ExitCode.BadInput, "no assistant turn")]
    [InlineData("{\"messages\":[{\"role\":\"assistant\",\"content\":\"a\"}]}\n", ExitCode.BadInput, "line 1")]
    public void Data_that_cannot_be_trained_on_is_refused(string data, ExitCode code, string mentions)
    {
        using SmallRun small = new();
        File.WriteAllText(small.Data, data);
        Refused(code, mentions, small.Run(small.Finetune()));
        Assert.False(Directory.Exists(Path.Combine(small.Output, "model")));
    }

    [Fact]
    public void A_broken_line_is_named()
    {
        using SmallRun small = new();
        File.AppendAllText(small.Data, "{\"messages\": oops}\n");
        Refused(ExitCode.BadInput, "line 41", small.Run(small.Finetune()));
    }

    [Theory]
    [InlineData("\"model_type\": \"llama\"", "\"model_type\": \"mamba\"", "model_type")]
    [InlineData("\"vocab_size\": 260", "\"vocab_size\": 259", "259")]
    [InlineData("\"hidden_size\": 96", "\"hidden_size\": 97", "97")]
    public void A_model_folder_that_does_not_fit_is_refused(string was, string becomes, string mentions)
    {
        using SmallRun small = new();
        string config = Path.Combine(small.Model, "config.json");
        string text = File.ReadAllText(config);
        Assert.Contains(was, text, StringComparison.Ordinal);
        File.WriteAllText(config, text.Replace(was, becomes, StringComparison.Ordinal));
        Refused(ExitCode.BadInput, mentions, small.Run(small.Finetune()));
    }

    [Fact]
    public void A_truncated_safetensors_file_is_refused_everywhere()
    {
        using SmallRun small = new();
        string weights = Path.Combine(small.Model, "model.safetensors");
        using (FileStream file = File.OpenWrite(weights))
        {
            file.SetLength(file.Length - 100);
        }

        Refused(ExitCode.BadInput, "model.safetensors", small.Run("inspect", weights));
        Refused(ExitCode.BadInput, "model.safetensors", small.Run(small.Finetune()));
        Refused(ExitCode.BadInput, "model.safetensors", small.Run("verify", "checkpoint", small.Model));
    }

    [Theory]
    [InlineData("--device cuda:99", ExitCode.MissingOnMachine, "--device cuda:99: ")]
    [InlineData("--device gpu", ExitCode.Usage, "emulated, reference and auto")]
    [InlineData("--set precision=fp8", ExitCode.Usage, "bf16 | fp16 | fp32")]
    [InlineData("--set training.batchsize=3", ExitCode.Usage, "did you mean batch_size?")]
    [InlineData("--set data.template=nosuch", ExitCode.Usage, "tulu")]
    [InlineData("--data alpaca", ExitCode.Usage, "DATASET=PATH")]
    [InlineData("--data alpacca=x", ExitCode.BadInput, "stanford_alpaca")]
    [InlineData("--data messages=nowhere.jsonl", ExitCode.BadInput, "nowhere.jsonl")]
    [InlineData("--recipe nowhere.yaml", ExitCode.Usage, "nowhere.yaml")]
    [InlineData("--set data.sequence_length=100000", ExitCode.Usage, "128")]
    [InlineData("--resume=maybe", ExitCode.Usage, "maybe")]
    public void Wrong_usage_of_finetune_is_explained(string flags, ExitCode code, string mentions)
    {
        using SmallRun small = new();
        Refused(code, mentions, small.Run(small.Finetune(steps: 4, flags.Split(' '))));
    }

    [Theory]
    [InlineData("not json", "prompts.jsonl:1")]
    [InlineData("{\"prompt\": 5}", "prompts.jsonl:1")]
    [InlineData("{\"text\": \"a\"}", "neither \"prompt\" nor \"messages\"")]
    [InlineData("{\"prompt\": null}", "neither \"prompt\" nor \"messages\"")]
    [InlineData("{\"prompt\": \"a\", \"messages\":[{\"role\":\"user\",\"content\":\"b\"}]}", "both \"prompt\" and \"messages\"")]
    [InlineData("{\"messages\":[{\"role\":\"robot\",\"content\":\"a\"}]}", "robot")]
    [InlineData("{\"messages\":[{\"role\":\"assistant\",\"content\":\"a\"}]}", "prompts.jsonl:1")]
    [InlineData("", "no prompts")]
    [InlineData("{\"prompt\": \"a\", \"prompt\": \"b\"}", "prompts.jsonl:1")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":null}]}", "null")]
    public void Prompts_that_are_none_are_named_by_line(string line, string mentions)
    {
        using SmallRun small = new();
        string prompts = small.Write("prompts.jsonl", line);
        string output = Path.Combine(small.Root, "out.jsonl");
        Refused(ExitCode.BadInput, mentions, small.Run("generate", "--model", small.Model, "--prompts", prompts, "--output", output));
        Assert.False(File.Exists(output));
        Assert.False(File.Exists($"{output}.partial"));
    }

    [Theory]
    [InlineData("{\"text\": \"a\"}", "no \"prompt\", which --template none needs")]
    [InlineData("{\"prompt\": \"a\", \"messages\":[]}", "both \"prompt\" and \"messages\"")]
    public void Without_a_template_a_line_needs_a_prompt_alone(string line, string mentions)
    {
        using SmallRun small = new();
        string prompts = small.Write("prompts.jsonl", line);
        Refused(ExitCode.BadInput, mentions, small.Run(
            "generate", "--model", small.Model, "--prompts", prompts, "--output", Path.Combine(small.Root, "out.jsonl"), "--template", "none"));
    }

    [Fact]
    public void An_id_that_is_null_is_none_and_a_number_becomes_text()
    {
        using SmallRun small = new();
        string prompts = small.Write("prompts.jsonl", """{"id":7,"prompt":"a","messages":null}""" + "\n" + """{"id":null,"prompt":"b"}""" + "\n");
        string output = Path.Combine(small.Root, "out.jsonl");
        Assert.Equal(ExitCode.Done, small.Run("generate", "--model", small.Model, "--prompts", prompts, "--output", output, "--max-new-tokens", "1").Code);
        string[] lines = File.ReadAllLines(output);
        Assert.StartsWith("{\"id\":\"7\",", lines[0], StringComparison.Ordinal);
        Assert.StartsWith("{\"id\":\"2\",", lines[1], StringComparison.Ordinal);
    }

    // 3 and "3" are one id; a line without one has its number.
    [Theory]
    [InlineData("{\"id\":3,\"prompt\":\"a\"}\n\n{\"id\":\"3\",\"prompt\":\"b\"}\n", "prompts.jsonl:3: the id \"3\" is that of line 1 too")]
    [InlineData("{\"id\":2,\"prompt\":\"a\"}\n{\"prompt\":\"b\"}\n", "prompts.jsonl:2: the id \"2\" is that of line 1 too")]
    public void An_id_that_two_prompts_share_is_named_with_both_lines(string lines, string mentions)
    {
        using SmallRun small = new();
        string prompts = small.Write("prompts.jsonl", lines);
        string output = Path.Combine(small.Root, "out.jsonl");
        Refused(ExitCode.BadInput, mentions, small.Run("generate", "--model", small.Model, "--prompts", prompts, "--output", output));
        Assert.False(File.Exists(output));
    }

    [Fact]
    public void Prompts_and_folders_are_not_written_over()
    {
        using SmallRun small = new();
        string prompts = small.Write("prompts.jsonl", """{"prompt":"a"}""");
        Refused(ExitCode.Usage, "the file of the prompts", small.Run("generate", "--model", small.Model, "--prompts", prompts, "--output", prompts));
        Refused(ExitCode.Usage, "is a folder", small.Run("generate", "--model", small.Model, "--prompts", prompts, "--output", small.Root));
        Refused(ExitCode.Usage, "an argument is empty", small.Run("generate", "--model", small.Model, "--prompts", prompts, "--output", ""));
        Assert.Equal("""{"prompt":"a"}""", File.ReadAllText(prompts));
    }

    [Theory]
    [InlineData("prompts.jsonl", "link.jsonl")]
    [InlineData("link.jsonl", "prompts.jsonl")]
    public void Prompts_are_not_written_over_through_a_link(string prompts, string output)
    {
        using SmallRun small = new();
        string file = small.Write("prompts.jsonl", """{"prompt":"a"}""");
        File.CreateSymbolicLink(Path.Combine(small.Root, "link.jsonl"), file);
        Refused(ExitCode.Usage, "the file of the prompts", small.Run(
            "generate", "--model", small.Model, "--prompts", Path.Combine(small.Root, prompts), "--output", Path.Combine(small.Root, output)));
        Assert.Equal("""{"prompt":"a"}""", File.ReadAllText(file));
    }

    [Fact]
    public void A_prompt_that_fails_is_an_entry_with_its_error()
    {
        using SmallRun small = new();
        string prompts = small.Write("prompts.jsonl", $$"""{"prompt":"{{new string('a', 500)}}"}""" + "\n" + """{"prompt":"b"}""" + "\n");
        string output = Path.Combine(small.Root, "out.jsonl");
        (ExitCode code, _, _) = small.Run("generate", "--model", small.Model, "--prompts", prompts, "--output", output, "--max-new-tokens", "2");
        string[] lines = File.ReadAllLines(output);
        Assert.Equal(ExitCode.BadInput, code);
        Assert.Contains("\"error\"", lines[0], StringComparison.Ordinal);
        Assert.DoesNotContain("\"completion\"", lines[0], StringComparison.Ordinal);
        Assert.Contains("\"completion\"", lines[1], StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_file_names_does_not_reach_the_terminal_as_commands()
    {
        using SmallRun small = new();
        string header = """{"a\u001b[2J":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}""";
        string path = Path.Combine(small.Root, "names.safetensors");
        File.WriteAllBytes(path, [.. BitConverter.GetBytes((long)header.Length), .. System.Text.Encoding.UTF8.GetBytes(header)]);
        (ExitCode code, string output, string error) = small.Run("inspect", path);
        Assert.Equal((ExitCode.Done, ""), (code, error));
        Assert.Contains("a\\u001b[2J", output, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', output);
    }
}
