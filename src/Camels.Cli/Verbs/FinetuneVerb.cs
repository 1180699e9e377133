using System.CommandLine;
using Camels.Cli.Measurements;
using Camels.Cli.Output;
using Camels.Engine;
using Camels.Engine.Training;
using Camels.Kernels;

namespace Camels.Cli.Verbs;

/// <summary>Trains a model on conversations, from a recipe to a model folder.</summary>
internal sealed class FinetuneVerb : Verb
{
    private readonly RecipeOptions _recipe;
    private readonly Option<bool> _resume;
    private readonly DeviceOption _device;

    public FinetuneVerb()
        : base(
            "finetune",
            "Train a model on conversations; Ctrl-C ends after the step with a checkpoint",
            """
            camels finetune --model models/llama-7b --data alpaca=data/alpaca_data.json:1000 messages=data/mine.jsonl \
              --output runs/mine --steps 500 --batch-size 64 --learning-rate 2e-5 --set data.validation.fraction=0.01
            """)
    {
        _recipe = new RecipeOptions(Command);
        _resume = Option<bool>("--resume", "continue from the newest whole checkpoint of the run folder, to the same bits");
        _device = new DeviceOption(Command);
    }

    protected override ExitCode Run(ParseResult arguments, Screen screen)
    {
        Recipe recipe = _recipe.Read(arguments);
        using StopSignal stop = new();
        using Device device = _device.Open(arguments, screen);
        DevicePeak peak = DevicePeak.Of(device, recipe.Precision);
        RunOutcome outcome;
        RunScreen watcher = new(screen, stop.Token);
        using (watcher)
        {
            outcome = new FinetuneRun(recipe, device, arguments.GetValue(_resume), watcher, peak.FlopsPerSecond).Run();
        }

        screen.Line($"peak of mfu in log.jsonl: {peak}");
        screen.Line(outcome.IsInterrupted
            ? $"interrupted after step {outcome.StepsDone} of {outcome.Steps}; the checkpoint is in {recipe.Output}, continue with --resume"
            : $"{outcome.Steps} steps at {Screen.Count(watcher.TokensPerSecond)} tokens/s; the model is in {outcome.ModelPath}");
        screen.Json(new
        {
            recipe.Output,
            outcome.ModelPath,
            outcome.Steps,
            outcome.StepsDone,
            outcome.IsInterrupted,
            watcher.ValidationLoss,
            watcher.TokensPerSecond,
            PeakSource = $"{peak}",
        });
        return outcome.IsInterrupted ? ExitCode.Interrupted : ExitCode.Done;
    }
}
