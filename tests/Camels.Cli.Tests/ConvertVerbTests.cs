using Camels.Engine;
using Xunit;

namespace Camels.Cli.Tests;

/// <summary>Differences, through the program's own verbs.</summary>
public sealed class ConvertVerbTests
{
    [Fact]
    public void A_recovered_model_has_all_files_of_the_trained_one_in_the_size_asked_for()
    {
        using SmallRun small = new();
        Assert.Equal(ExitCode.Done, small.Run(small.Finetune()).Code);
        string trained = Path.Combine(small.Output, "model");
        string generation = Path.Combine(trained, "generation_config.json");
        File.WriteAllText(generation, File.ReadAllText(generation).Replace("{", "{\"temperature\": 0.25,", StringComparison.Ordinal));
        string difference = Path.Combine(small.Root, "difference");
        string recovered = Path.Combine(small.Root, "recovered");
        Done(small.Run("convert", "--model", trained, "--difference-from", small.Model, "--output", difference, "--max-file-size", "100KB"));
        Done(small.Run("convert", "--model", difference, "--recover-with", small.Model, "--output", recovered));

        Assert.Equal(Names(trained), Names(recovered));
        Assert.All(Names(trained), name => Assert.Equal(File.ReadAllBytes(Path.Combine(trained, name!)), File.ReadAllBytes(Path.Combine(recovered, name!))));
        Assert.Contains("chat_template_conformance.json", Names(recovered));
        Assert.True(Directory.GetFiles(difference, "difference-*-of-*.safetensors").Length > 1);

        string split = Path.Combine(small.Root, "split");
        Done(small.Run("convert", "--model", difference, "--recover-with", small.Model, "--output", split, "--max-file-size", "100KB"));
        Assert.True(Directory.GetFiles(split, "model-*-of-*.safetensors").Length > 1);
        Done(small.Run("verify", "checkpoint", split));
        Assert.Equal(ExitCode.BadInput, small.Run("inspect", Path.Combine(difference, "difference.safetensors")).Code);
    }

    private static IEnumerable<string?> Names(string folder) => Directory.GetFiles(folder).Select(Path.GetFileName).Order();

    private static void Done((ExitCode Code, string Output, string Error) result) =>
        Assert.True(result.Code == ExitCode.Done, result.Output + result.Error);
}
