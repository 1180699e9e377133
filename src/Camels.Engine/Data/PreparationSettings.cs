using System.Globalization;

namespace Camels.Engine.Data;

/// <summary>One source of conversations.</summary>
/// <param name="Dataset">Name or alias in <see cref="DatasetCatalog"/>; with a map, any other.</param>
/// <param name="Path">A file, or a folder of them.</param>
/// <param name="Examples">Read only the first so many records; null: all.</param>
public sealed record DataSource(string Dataset, string Path, int? Examples = null)
{
    /// <summary>Which conversations trees of messages give.</summary>
    public TreeRule Trees { get; init; } = new();

    /// <summary>Where the fields are, for a dataset that is not in the catalog.</summary>
    public DatasetMap? Map { get; init; }

    /// <summary>Take this share of the conversations, drawn by content; a smaller share is part of a larger one. Null: all.</summary>
    public double? Fraction { get; init; }

    /// <summary>
    /// Take so many for each unit of weight of the other weighted sources: as many as the scarcest of them allows, none twice. Null: all.
    /// </summary>
    public double? Weight { get; init; }

    /// <summary>Take at most so many, drawn by content, before <see cref="Fraction"/>: what a mixture of the catalog was published with.</summary>
    public int? Most { get; init; }
}

/// <summary>Everything but the tokenizer that decides the prepared data.</summary>
public sealed record PreparationSettings
{
    /// <summary>What to train on, in this order.</summary>
    public required IReadOnlyList<DataSource> Sources { get; init; }

    /// <summary>Name of the chat template, or the path of a user's.</summary>
    public string Template { get; init; } = "tulu";

    /// <summary>Most tokens of a row.</summary>
    public int SequenceLength { get; init; } = 2048;

    /// <summary>Several documents a row; false: one.</summary>
    public bool Packing { get; init; } = true;

    /// <summary>What happens to conversations longer than a row.</summary>
    public OverLength OverLength { get; init; } = OverLength.Split;

    /// <summary>Share of the distinct conversations that is held out; 0: none.</summary>
    public double ValidationFraction { get; init; }

    /// <summary>Held-out data of its own; excludes <see cref="ValidationFraction"/>.</summary>
    public IReadOnlyList<DataSource> ValidationSources { get; init; } = [];

    /// <summary>Decides which instruction template a record gets.</summary>
    public ulong Seed { get; init; } = 42;

    /// <summary>Folder of evaluation sets that the training data is compared with (<see cref="EvaluationSets"/>), or null.</summary>
    public string? EvaluationFolder { get; init; }

    /// <summary>Conversations that give an evaluation item away are removed; false: counted and kept.</summary>
    public bool RemovesContaminated { get; init; }

    /// <summary>What becomes of duplicates.</summary>
    public Deduplicate Deduplicate { get; init; } = Deduplicate.None;

    /// <summary>Over-long and duplicate records and what is no plain text are errors too.</summary>
    public bool Strict { get; init; }

    /// <summary>Whose behaviour; that of open-instruct puts one conversation in a row and cuts it wherever the row ends.</summary>
    public Compatibility Compatibility { get; init; } = Compatibility.None;

    /// <summary>Throws (exit code 2) what no data could make right.</summary>
    public void Check()
    {
        Require(
            EvaluationFolder is not null || !RemovesContaminated,
            "data.contamination.remove needs data.contamination.path, the folder of the evaluation sets");
        Require(Sources.Count > 0, "data.sources is empty: name at least one, as in {dataset: alpaca, path: alpaca_data.json}");
        Require(SequenceLength is >= 2 and <= 1 << 24, $"data.sequence_length is {SequenceLength}, expected 2 to {1 << 24}");
        Require(
            ValidationFraction is >= 0 and < 1,
            $"data.validation.fraction is {ValidationFraction.ToString(CultureInfo.InvariantCulture)}, expected at least 0 and below 1");
        Require(
            ValidationFraction == 0 || ValidationSources.Count == 0,
            "data.validation has both fraction and sources: give one of them");
        Require(
            Sources.Concat(ValidationSources).All(source => source.Examples is null or > 0),
            "data.sources: examples must be at least 1");
        Require(
            Sources.Concat(ValidationSources).All(source => source.Fraction is null or (> 0 and <= 1)),
            "data.sources: fraction must be above 0, at most 1");
        Require(Sources.All(source => source.Weight is null or > 0 && double.IsFinite(source.Weight ?? 1)), "data.sources: weight must be above 0");
        Require(
            ValidationSources.All(source => source.Weight is null),
            "data.validation.sources: weight has no meaning there, use fraction");
    }

    private static void Require(bool holds, string message)
    {
        if (!holds)
        {
            throw CamelsException.Usage(message + ".");
        }
    }
}
