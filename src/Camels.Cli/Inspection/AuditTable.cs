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
            ["source", "records>", "empty, dropped>", "duplicate, kept>", "over-long>", "dropped of these>", "held out>"],
            audit.Sources.Select(source => new[]
            {
                source.Name, Screen.Count(source.Records), Screen.Count(source.Empty), Screen.Count(source.Duplicate), Screen.Count(source.OverLong),
                Screen.Count(source.OverLongDropped), Screen.Count(source.HeldOut),
            }));
        screen.Table(
            ["split", "rows>", "documents>", "tokens>", "trained>", "row fill>", "assistant turns>", "EOS trained>", "trained user tokens>"],
            new[] { ("train", audit.Train), ("validation", audit.Validation) }.Where(split => split.Item2 is not null)
                .Select(split => Row(split.Item1, split.Item2!)));
        foreach (string record in audit.Sources.SelectMany(source => source.Listed).Take(5))
        {
            screen.Line($"  {record}");
        }
    }

    private static string[] Row(string name, SplitAudit split) =>
    [
        name, Screen.Count(split.Rows), Screen.Count(split.Documents), Screen.Count(split.Tokens), Percent(split.TrainedShare), Percent(split.Fill),
        Screen.Count(split.AssistantTurns), Percent(split.EosCoverage), Screen.Count(split.TrainedUserTokens),
    ];

    private static string Percent(double share) => $"{Screen.Fixed(100 * share, 1)} %";
}
