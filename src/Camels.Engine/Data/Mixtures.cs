namespace Camels.Engine.Data;

/// <summary>A published mixture of datasets.</summary>
/// <param name="Name">Its name in recipes, where a dataset's would stand.</param>
/// <param name="Aliases">Other names it answers to.</param>
/// <param name="Parts">Datasets in the order in which they are concatenated, and how many conversations of each the paper has.</param>
public sealed record Mixture(string Name, string[] Aliases, IReadOnlyList<(string Dataset, int Conversations)> Parts);

/// <summary>The mixtures of Tülu 1: plain concatenation, no re-weighting. A source names one of them and the folder of its datasets.</summary>
public static class Mixtures
{
    private static readonly (string Dataset, int Conversations)[] _human =
        [("flan_v2", 100_000), ("cot", 100_000), ("dolly", 15_011), ("oasst1", 34_795)];

    private static readonly Mixture[] _mixtures =
    [
        new("human", [], _human),
        new("human+gpt", ["tulu"], [.. _human, ("gpt4_alpaca", 52_002), ("code_alpaca", 20_022), ("sharegpt", 168_864)]),
    ];

    /// <summary>All known mixtures.</summary>
    public static IReadOnlyList<Mixture> All => _mixtures;

    /// <summary>The mixture called so, or null.</summary>
    public static Mixture? Find(string name) => Array.Find(_mixtures, mixture => mixture.Name == name || mixture.Aliases.Contains(name));

    /// <summary>
    /// The sources with each mixture replaced by its datasets: PATH/dolly and so on, each with at most the paper's number of conversations, and
    /// the source's fraction of them. Other limits on a mixture are exit code 2.
    /// </summary>
    public static IReadOnlyList<DataSource> Expand(IReadOnlyList<DataSource> sources) => [.. sources.SelectMany(Expand)];

    private static IEnumerable<DataSource> Expand(DataSource source)
    {
        if (source.Map is not null || Find(source.Dataset) is not Mixture mixture)
        {
            return [source];
        }

        return source.Examples is null && source.Weight is null
            ? mixture.Parts.Select(part => source with { Dataset = part.Dataset, Path = Path.Combine(source.Path, part.Dataset), Most = part.Conversations })
            : throw CamelsException.Usage(
                $"data.sources: {source.Dataset} is a mixture, which has its own numbers of examples; give a fraction, or list its datasets.");
    }
}
