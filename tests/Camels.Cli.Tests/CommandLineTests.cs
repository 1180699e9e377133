using System.CommandLine;
using System.Text.Json;
using Camels.Cli.Output;
using Camels.Cli.Verbs;
using Camels.Engine;
using Xunit;

namespace Camels.Cli.Tests;

public sealed class CommandLineTests
{
    [Theory]
    [InlineData("docter", "unknown verb docter; did you mean doctor?", "see camels --help")]
    [InlineData("doctor --jsno", "'--jsno'", "see camels doctor --help")]
    [InlineData("doctor @file", "'@file'", "see camels doctor --help")]
    [InlineData("generate --model m --prompts p --output o --temperature 0,7", "--temperature 0,7 is no number", "see camels generate --help")]
    [InlineData("generate --model m --prompts p --output o --seed -1", "--seed -1 is no whole number of at least 0", "see camels generate --help")]
    [InlineData("generate --model m --prompts p --output o --samples 1.5", "--samples 1.5 is no whole number", "see camels generate --help")]
    [InlineData("bench kernels --threads 9999999999", "--threads 9999999999 is no whole number", "see camels bench kernels --help")]
    [InlineData("inspect d --example x", "--example x is no whole number", "see camels inspect --help")]
    [InlineData("generate --model m --prompts p --output o --top-p 1,", "--top-p 1, is no number", "see camels generate --help")]
    public void Wrong_usage_is_two_lines_and_exit_2(string arguments, string wrong, string remedy)
    {
        (ExitCode code, string output, string error) = InProcess.Run(arguments.Split(' '));
        string[] lines = error.TrimEnd().Split('\n');
        Assert.Equal((ExitCode.Usage, "", 2), (code, output, lines.Length));
        Assert.Contains(wrong, lines[0], StringComparison.Ordinal);
        Assert.Equal(remedy, lines[1]);
    }

    [Fact]
    public void Without_a_verb_the_help_is_shown()
    {
        (ExitCode code, string output, _) = InProcess.Run();
        Assert.Equal(ExitCode.Usage, code);
        Assert.All(VerbCatalog.All, verb => Assert.Contains(verb.Command.Name, output, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_verb_shows_its_example()
    {
        foreach (Verb verb in VerbCatalog.Working)
        {
            (ExitCode code, string output, string error) = InProcess.Run([.. Verb.PathOf(verb.Command).Skip(1), "--help"]);
            Assert.Equal((ExitCode.Done, ""), (code, error));
            Assert.Contains(verb.Example.Split('\n')[0], output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Every_worked_example_parses()
    {
        foreach (Verb verb in VerbCatalog.Working)
        {
            string[] words = verb.Example.Replace("\\\n", " ", StringComparison.Ordinal).Split(' ', StringSplitOptions.RemoveEmptyEntries);
            ParseResult parsed = CommandLine.Root.Parse(words[1..]);
            Assert.Equal("camels", words[0]);
            Assert.True(parsed.Errors.Count == 0, $"{verb.Example}: {string.Join(' ', parsed.Errors)}");
            Assert.Same(verb.Command, parsed.CommandResult.Command);
        }
    }

    [Theory]
    [InlineData(59, "0:59")]
    [InlineData(3600, "1:00:00")]
    [InlineData((49 * 3600) + 62, "49:01:02")]
    public void A_duration_of_days_is_shown_in_hours(int seconds, string shown) => Assert.Equal(shown, Screen.Duration(TimeSpan.FromSeconds(seconds)));

    [Theory]
    [InlineData("bench train --shape quickstart --batch 70000 --sequence-length 70000", "2^31 tokens")]
    [InlineData("bench train --shape quickstart --lanes -4", "powers of two")]
    [InlineData("bench generate --shape quickstart --prompt-tokens 2147483647", "2^31 tokens")]
    [InlineData("bench generate --shape quickstart --new-tokens 70000 --batch 70000", "2^31 tokens")]
    public void What_cannot_be_measured_is_refused(string arguments, string mentions)
    {
        (ExitCode code, _, string error) = InProcess.Run(arguments.Split(' '));
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains(mentions, error, StringComparison.Ordinal);
    }

    [Fact]
    public void Json_prints_one_object_on_standard_output_and_the_rest_elsewhere()
    {
        (ExitCode code, string output, string error) = InProcess.Run("doctor", "--json");
        Assert.Equal(ExitCode.Done, code);
        using JsonDocument document = JsonDocument.Parse(output);
        Assert.True(document.RootElement.GetProperty("cores").GetInt32() > 0);
        Assert.True(document.RootElement.GetProperty("fma_peak_flops_per_second").GetDouble() > 1e8);
        Assert.Contains("kernel path", error, StringComparison.Ordinal);
    }
}
