using Camels.Cli.Output;
using Camels.Engine.Data;

namespace Camels.Cli.Inspection;

/// <summary>The audit of prepared data, for people.</summary>
internal static class AuditTable
{
    /// <summary>What was read from each source, what each split holds, and where the first odd records stand.</summary>
    public static void Show(Screen screen, Audit audit)
    {
        screen.Table(
            [
                "source", "records>", "taken>", "published>", "unusable>", "empty>", "duplicate>", "near>", "removed>", "over-long>", "dropped>",
                "not text>", "leaks>", "held out>",
            ],
            audit.Sources.Select(SourceRow));
        screen.Table(
            ["split", "rows>", "documents>", "tokens>", "trained>", "row fill>", "but the last>", "assistant turns>", "EOS trained>", "trained user tokens>", "wrong BOS>"],
            new[] { ("train", audit.Train), ("validation", audit.Validation) }.Where(split => split.Item2 is not null)
                .Select(split => SplitRow(split.Item1, split.Item2!)));
        if (audit.Contamination is ContaminationAudit leaks)
        {
            screen.Table(
                ["benchmark", "items>", "given away>"],
                leaks.Benchmarks.Select(benchmark => new[] { benchmark.Name, Screen.Count(benchmark.Items), Screen.Count(benchmark.Leaked) }));
            screen.Line($"{Screen.Count(leaks.Records)} records give evaluation items away, {Screen.Count(leaks.Removed)} of them removed; all in contamination.jsonl");
        }

        foreach (SourceAudit source in audit.Sources)
        {
            foreach ((string reason, long count) in source.Unusable)
            {
                screen.Line($"{source.Name}: {Screen.Count(count)} left out, {reason}; all in left_out.jsonl");
            }
        }

        foreach (string record in audit.Sources.SelectMany(source => source.Listed).Take(5))
        {
            screen.Line($"  {record}");
        }
    }

    private static string[] SourceRow(SourceAudit source) =>
    [
        source.Name, Screen.Count(source.Records), Screen.Count(source.Taken), source.Published is int published ? Screen.Count(published) : "",
        Screen.Count(source.Unusable.Values.Sum()), Screen.Count(source.Empty), Screen.Count(source.Duplicate), Screen.Count(source.NearDuplicate),
        Screen.Count(source.Removed), Screen.Count(source.OverLong), Screen.Count(source.OverLongDropped), Screen.Count(source.NonText),
        Screen.Count(source.Contaminated), Screen.Count(source.HeldOut),
    ];

    private static string[] SplitRow(string name, SplitAudit split) =>
    [
        name, Screen.Count(split.Rows), Screen.Count(split.Documents), Screen.Count(split.Tokens), Percent(split.TrainedShare), Percent(split.Fill),
        Percent(split.FillWithoutLastRow), Screen.Count(split.AssistantTurns), Percent(split.EosCoverage), Screen.Count(split.TrainedUserTokens),
        Screen.Count(split.DocumentsWithWrongBos),
    ];

    private static string Percent(double share) => $"{Screen.Fixed(100 * share, 1)} %";
}
