using System.CommandLine;
using System.Diagnostics;
using Camels.Cli.Measurements;
using Camels.Cli.Output;
using Camels.Cli.Quickstart;
using Camels.Engine;
using Camels.Engine.Checkpoints;
using Camels.Engine.Tokenizers;
using Camels.Engine.Training;
using Camels.Kernels;

namespace Camels.Cli.Verbs;

/// <summary>The whole main job on nothing but the program, in a minute or two.</summary>
internal sealed class QuickstartVerb : Verb
{
    private const double LeastExactMatch = 0.9;
    private const int MostShownCharacters = 20;
    private const string DefaultOutput = "runs/quickstart";

    private readonly Option<string?> _output;
    private readonly DeviceOption _device;

    public QuickstartVerb()
        : base(
            "quickstart",
            "Make instructions, a tokenizer and a small LLaMA, train it, and ask it what it has never seen",
            "camels quickstart --output runs/first")
    {
        _output = Option<string?>("--output", $"run folder; default: {DefaultOutput}, or the next free {DefaultOutput}-N");
        _device = new DeviceOption(Command);
    }

    protected override ExitCode Run(ParseResult arguments, Screen screen)
    {
        long started = Stopwatch.GetTimestamp();
        string run = RunFolderOf(arguments.GetValue(_output));
        using StopSignal stop = new();
        using Device device = _device.Open(arguments, screen);

        QuickstartScale scale = QuickstartScale.Of(device);
        if (!scale.Learns)
        {
            screen.Line($"--device {device.Name} is for looking: {scale.Steps} steps, and answers of {scale.NewTokens} tokens. Nothing is learned.");
        }

        RunFolder.Open(run, resume: false).Dispose();      // what is written now belongs to a run, which later resumes
        QuickstartFolder folder = new(run, scale);
        screen.Line($"1. Instructions: {QuickstartTasks.All.Count} kinds, answers known to the program.");
        IReadOnlyList<QuickstartExample> heldOut = folder.WriteData();
        screen.Line($"   {folder.TrainingPath} to train on; {Screen.Count(heldOut.Count)} prompts in {folder.HeldOutPath} are kept away from it.");

        screen.Line("2. A tokenizer of bytes, and a LLaMA with random weights.");
        ITokenizer tokenizer = folder.WriteTokenizer();
        long parameters = folder.WriteModel(tokenizer, device);
        screen.Line($"   {folder.StartPath}: {Screen.Count(parameters)} parameters.");

        screen.Line("3. What it answers before training.");
        IReadOnlyList<QuickstartAnswer> before = QuickstartExam.Ask(folder.StartPath, heldOut, scale.NewTokens, device, stop.Token);
        screen.Line($"   {Percent(ShareOf(before))} of the held-out prompts are answered exactly.");

        screen.Line("4. Training, as `camels finetune` would.");
        RunOutcome outcome;
        using (RunScreen watcher = new(screen, stop.Token))
        {
            outcome = new FinetuneRun(folder.Recipe, device, resume: true, watcher, DevicePeak.Of(device, folder.Recipe.Precision).FlopsPerSecond).Run();
        }

        if (outcome.ModelPath is not string trained)
        {
            screen.Line($"interrupted; camels finetune --recipe {run}/recipe.yaml --resume goes on");
            return ExitCode.Interrupted;
        }

        screen.Line("5. What it answers now.");
        IReadOnlyList<QuickstartAnswer> after = QuickstartExam.Ask(trained, heldOut, scale.NewTokens, device, stop.Token);
        return Conclude(screen, run, scale, before, after, Stopwatch.GetElapsedTime(started));
    }

    private static ExitCode Conclude(
        Screen screen, string run, QuickstartScale scale, IReadOnlyList<QuickstartAnswer> before, IReadOnlyList<QuickstartAnswer> after,
        TimeSpan time)
    {
        ILookup<string, QuickstartAnswer> earlier = before.ToLookup(answer => answer.Example.Task);
        (string Task, double Before, double After, QuickstartAnswer First, string Then)[] tasks =
        [
            .. after.GroupBy(answer => answer.Example.Task).Select(group => (
                group.Key, ShareOf(earlier[group.Key]), ShareOf(group), group.First(), earlier[group.Key].First().Given)),
        ];
        screen.Table(
            ["task", "a held-out prompt", "before", "after", "exact before>", "exact after>"],
            tasks.Select(task => new[]
            {
                task.Task, task.First.Example.Prompt, Visible(task.Then), Visible(task.First.Given), Percent(task.Before), Percent(task.After),
            }));
        double exactBefore = ShareOf(before);
        double exactAfter = ShareOf(after);
        screen.Line($"held-out exact match {Percent(exactBefore)} → {Percent(exactAfter)}, {Screen.Count(after.Count)} prompts, in {Screen.Duration(time)}");
        screen.Line($"run folder {run}, model {run}/model; ask it more:");
        screen.Line($"  camels generate --model {run}/model --prompts {run}/quickstart/held-out.jsonl --output answers.jsonl");
        screen.Json(new
        {
            Output = run,
            ExactMatchBefore = exactBefore,
            ExactMatchAfter = exactAfter,
            Prompts = after.Count,
            Seconds = time.TotalSeconds,
            Tasks = tasks.Select(task => new { task.Task, ExactMatchBefore = task.Before, ExactMatchAfter = task.After }),
        });
        if (!scale.Learns || exactAfter >= LeastExactMatch)
        {
            return ExitCode.Done;
        }

        screen.Line($"the model learned too little: expected at least {Percent(LeastExactMatch)}");
        return ExitCode.CheckFailed;
    }

    private static string RunFolderOf(string? wanted)
    {
        bool IsFree(string folder) => !File.Exists(folder) && (!Directory.Exists(folder) || !Directory.EnumerateFileSystemEntries(folder).Any());
        if (wanted is null)
        {
            return Enumerable.Range(1, int.MaxValue).Select(number => number == 1 ? DefaultOutput : $"{DefaultOutput}-{number}").First(IsFree);
        }

        return IsFree(wanted)
            ? wanted
            : throw CamelsException.Usage($"--output {wanted} is not empty; choose another folder, or remove it");
    }

    private static double ShareOf(IEnumerable<QuickstartAnswer> answers) => answers.Average(answer => answer.IsRight ? 1.0 : 0.0);

    private static string Percent(double share) => $"{Screen.Fixed(100 * share, 1)} %";

    // What an untrained model says has control characters that a table must not obey, and bytes that are no text.
    private static string Visible(string text) =>
        string.Concat(text.Take(MostShownCharacters).Select(character => char.IsAscii(character) && !char.IsControl(character) ? character : '·'));
}
