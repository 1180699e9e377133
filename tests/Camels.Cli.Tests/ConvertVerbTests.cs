using System.Text.Json;
using Camels.Engine;
using Xunit;

namespace Camels.Cli.Tests;

/// <summary>Differences and adapters, through the program's own verbs.</summary>
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
        (ExitCode code, _, string error) = small.Run("inspect", difference);
        Assert.Equal(ExitCode.BadInput, code);
        Assert.Contains("--recover-with BASE", error, StringComparison.Ordinal);
        Assert.True(Directory.GetFiles(difference, "difference-*-of-*.safetensors").Length > 1);

        string split = Path.Combine(small.Root, "split");
        Done(small.Run("convert", "--model", difference, "--recover-with", small.Model, "--output", split, "--max-file-size", "100KB"));
        Assert.True(Directory.GetFiles(split, "model-*-of-*.safetensors").Length > 1);
        Done(small.Run("verify", "checkpoint", split));
        Assert.Equal(ExitCode.BadInput, small.Run("inspect", Path.Combine(difference, "difference.safetensors")).Code);
    }

    [Fact]
    public void An_adapter_is_shown_and_convert_says_how_it_is_merged()
    {
        using SmallRun small = new();
        Done(small.Run(small.Finetune(steps: 2, "--set", "adapter.kind=lora", "--set", "adapter.rank=3")));
        string adapter = Path.Combine(small.Output, "model");
        (ExitCode code, string output, string error) = small.Run("inspect", adapter, "--json");
        Done((code, output, error));
        Assert.Contains("alpha / R", error, StringComparison.Ordinal);
        JsonElement root = JsonDocument.Parse(output).RootElement;
        Assert.Equal(3, root.GetProperty("adapter").GetProperty("rank").GetInt32());
        Assert.Contains(root.GetProperty("tensors").EnumerateArray(), tensor => tensor.GetProperty("name").GetString()!.Contains("lora_A", StringComparison.Ordinal));

        string merged = Path.Combine(small.Root, "merged");
        (code, _, error) = small.Run("convert", "--model", adapter, "--output", merged);
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains($"merge it with --model BASE --adapter {adapter}", error, StringComparison.Ordinal);
        Done(small.Run("convert", "--model", small.Model, "--adapter", adapter, "--output", merged));
        string[] companions = ["chat_template_conformance.json", "tokenizer_config.json", "generation_config.json"];
        Assert.All(companions, file => Assert.Equal(File.ReadAllText(Path.Combine(adapter, file)), File.ReadAllText(Path.Combine(merged, file))));

        // An adapter without one, as other tools write it: the base's.
        const string name = "generation_config.json";
        File.Delete(Path.Combine(adapter, name));
        File.WriteAllText(Path.Combine(small.Model, name), "{\"eos_token_id\": 7}");
        string mergedAgain = Path.Combine(small.Root, "merged-again");
        Done(small.Run("convert", "--model", small.Model, "--adapter", adapter, "--output", mergedAgain));
        Assert.Equal("{\"eos_token_id\": 7}", File.ReadAllText(Path.Combine(mergedAgain, name)));
    }

    private static IEnumerable<string?> Names(string folder) => Directory.GetFiles(folder).Select(Path.GetFileName).Order();

    private static void Done((ExitCode Code, string Output, string Error) result) =>
        Assert.True(result.Code == ExitCode.Done, result.Output + result.Error);
}
