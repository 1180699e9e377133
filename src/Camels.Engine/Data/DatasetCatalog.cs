using Camels.Engine.Data.Datasets;

namespace Camels.Engine.Data;

/// <summary>The datasets that Camels reads. To add one: a file in Datasets and a line here.</summary>
public static class DatasetCatalog
{
    private static readonly DatasetFormat[] _formats =
    [
        new("messages", [], Messages.Read),
        new("prompt_completion", [], PromptCompletion.Read),
        new("super_ni", [], SuperNi.Read) { Extensions = [".json", ".txt"], ReadsNames = true },
        new("cot", [], Cot.Read) { Extensions = [".jsonl", ".ndjson", ".tsv"], ReadsNames = true },
        new("flan_v2", [], FlanV2.Read),
        new("dolly", [], Dolly.Read),
        new("oasst1", [], Oasst1.Read),
        new("self_instruct", [], SelfInstruct.Read) { FileNames = "all_*instances*" },
        new("unnatural_instructions", [], UnnaturalInstructions.Read) { FileNames = "core_data*" },
        new("stanford_alpaca", ["alpaca"], StanfordAlpaca.Read),
        new("code_alpaca", [], CodeAlpaca.Read),
        new("gpt4_alpaca", [], Gpt4Alpaca.Read),
        new("baize", [], Baize.Read) { FileNames = "*_chat_data" },
        new("sharegpt", [], ShareGpt.Read),
    ];

    /// <summary>All known datasets.</summary>
    public static IReadOnlyList<DatasetFormat> Formats => _formats;

    /// <summary>The dataset called <paramref name="name"/> or so aliased; unknown: exit code 3, naming the known ones.</summary>
    public static DatasetFormat Find(string name) => FindKnown(name)
        ?? throw CamelsException.BadInput(
            $"unknown dataset \"{name}\"; known are {string.Join(", ", _formats.SelectMany(format => format.Aliases.Prepend(format.Name)))}. "
            + "Any other is read with map, which says where its fields are.");

    /// <summary>True where <paramref name="name"/> is a dataset's name or alias.</summary>
    public static bool IsKnown(string name) => FindKnown(name) is not null;

    /// <summary>The dataset of a source: one of the known, or one that the source itself maps.</summary>
    internal static DatasetFormat Of(DataSource source) =>
        source.Map is null ? Find(source.Dataset) : new DatasetFormat(source.Dataset, [], Mapped.Read);

    private static DatasetFormat? FindKnown(string name) =>
        Array.Find(_formats, format => format.Name == name || format.Aliases.Contains(name));
}
