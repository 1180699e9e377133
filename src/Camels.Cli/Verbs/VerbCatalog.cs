using System.CommandLine;

namespace Camels.Cli.Verbs;

/// <summary>All verbs, in the order in which help shows them.</summary>
internal static class VerbCatalog
{
    /// <summary>One line a verb.</summary>
    public static IReadOnlyList<Verb> All { get; } =
    [
        new DoctorVerb(),
    ];

    /// <summary>The worked example of a command; of the program itself, its first command.</summary>
    public static string ExampleOf(Command command) =>
        All.FirstOrDefault(verb => verb.Command == command)?.Example ?? "camels quickstart";
}
