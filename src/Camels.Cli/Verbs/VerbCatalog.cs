using System.CommandLine;

namespace Camels.Cli.Verbs;

/// <summary>All verbs, in the order in which help shows them.</summary>
internal static class VerbCatalog
{
    /// <summary>One line a verb.</summary>
    public static IReadOnlyList<Verb> All { get; } =
    [
        new QuickstartVerb(),
        new PrepareVerb(),
        new PlanVerb(),
        new FinetuneVerb(),
        new GenerateVerb(),
        new VerbGroup(
            "verify",
            "Compare numbers with a reference, or check that a model folder is whole",
            new VerifyModelVerb(),
            new VerifyTokenizerVerb(),
            new VerifyCheckpointVerb()),
        new InspectVerb(),
        new DoctorVerb(),
        new VerbGroup(
            "bench",
            "Measure kernels, training steps and generation",
            new BenchKernelsVerb(),
            new BenchTrainVerb(),
            new BenchGenerateVerb()),
        new ConvertVerb(),
    ];

    /// <summary>Those that do something: groups give way to their members.</summary>
    public static IEnumerable<Verb> Working => All.SelectMany(verb => verb is VerbGroup group ? group.Members : [verb]);

    /// <summary>The worked example of a command; of the program itself, its first command.</summary>
    public static string ExampleOf(Command command) =>
        All.Concat(Working).FirstOrDefault(verb => verb.Command == command)?.Example ?? "camels quickstart";
}
