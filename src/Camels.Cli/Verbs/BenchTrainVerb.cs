using System.CommandLine;
using System.Numerics;
using Camels.Cli.Measurements;
using Camels.Cli.Output;
using Camels.Engine;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Training;
using Camels.Kernels;

namespace Camels.Cli.Verbs;

/// <summary>Measures whole training steps: forward, masked loss, backward, clipping, AdamW, on random weights and tokens.</summary>
internal sealed class BenchTrainVerb : Verb
{
    private const int WarmUpSteps = 2;

    private readonly Option<string> _shape;
    private readonly Option<int> _batch;
    private readonly Option<int> _sequenceLength;
    private readonly Option<string> _precision;
    private readonly Option<int> _steps;
    private readonly Option<int> _lanes;
    private readonly Option<string> _recompute;
    private readonly DeviceOption _device;

    public BenchTrainVerb()
        : base("train", "Measure training steps of a shape", "camels bench train --shape llama-15m --batch 4 --sequence-length 256 --precision fp32 --steps 10")
    {
        _shape = Option<string>("--shape", ModelShapes.Names, isRequired: true);
        _batch = Option("--batch", "rows of a step (B)", 4);
        _sequenceLength = Option("--sequence-length", "tokens of a row (T)", 256);
        _precision = Option("--precision", "fp32, bf16 or fp16", "fp32");
        _steps = Option("--steps", "measured steps, after two that are not", 8);
        _lanes = Option<int>("--lanes", "lanes of a micro-step, a power of two; 0 takes the batch, rounded up, at most 8");
        _recompute = Option("--recompute", "none or block: compute activations again in the backward", "none");
        _device = new DeviceOption(Command);
    }

    protected override ExitCode Run(ParseResult arguments, Screen screen)
    {
        int rows = AtLeastOne(arguments, _batch);
        int tokens = AtLeastOne(arguments, _sequenceLength);
        int steps = AtLeastOne(arguments, _steps);
        Precision precision = PrecisionName.Parse(arguments.GetRequiredValue(_precision));
        string shape = arguments.GetRequiredValue(_shape);
        if ((long)rows * tokens > int.MaxValue)
        {
            throw CamelsException.Usage($"--batch {rows} rows of --sequence-length {tokens} are more than 2^31 tokens; take fewer");
        }

        ModelConfig config = ModelShapes.Find(shape, tokens);
        int lanes = arguments.GetValue(_lanes) is int wanted and not 0 ? wanted : (int)Math.Min(8, BitOperations.RoundUpToPowerOf2((uint)rows));
        using Device device = _device.Open(arguments, screen);
        using ILanguageModel model = ModelCatalog.Create(config, precision, device);
        ModelCatalog.Randomize(model, device.Stream, seed: 42);
        TrainerSettings settings = new(new TrainingRecipe { BatchSize = rows, WarmupRatio = 0 }, lanes, LanesPerCall: 0, Steps: WarmUpSteps + steps + 1, RecomputeOf(arguments));
        using Trainer trainer = new(model, device, settings, new RandomRows(rows, tokens, config.VocabularySize));

        (Sample sample, long managedBytes) = Measure(trainer, steps, rows * tokens, screen);
        DevicePeak peak = DevicePeak.Of(device, precision);
        double tokensPerSecond = rows * tokens / sample.Median;
        double mfu = ModelFlops.PerTrainedToken(config, tokens) * tokensPerSecond / peak.FlopsPerSecond;
        screen.Table(
            ["training", "measured>"],
            [
                ["shape, B, T, precision, lanes", $"{shape}, {rows}, {tokens}, {precision.Name}, {lanes}"],
                ["parameters", Screen.Count(config.ParameterCount())],
                ["tokens/s, median", Screen.Count(tokensPerSecond)],
                ["step, median", $"{Screen.Fixed(1000 * sample.Median, 2)} ms ± {Screen.Fixed(100 * sample.Spread, 1)} %"],
                ["model FLOP utilisation", double.IsNaN(mfu) ? $"{peak}" : $"{Screen.Fixed(100 * mfu, 1)} % ({peak})"],
                ["memory planned", $"{Screen.Fixed(trainer.Plan.TotalBytes / 1e6, 1)} MB"],
                ["managed bytes a step", Screen.Count((double)managedBytes / steps)],
            ]);
        screen.Json(new
        {
            Shape = shape,
            Batch = rows,
            SequenceLength = tokens,
            Precision = precision.Name,
            Lanes = lanes,
            Threads = device.Workers?.Count ?? 1,
            TokensPerSecond = tokensPerSecond,
            AllTokensPerSecond = sample.Seconds.Select(seconds => rows * tokens / seconds),
            StepSeconds = sample.Median,
            Mfu = mfu,
            PeakSource = $"{peak}",
            PeakMemoryBytes = trainer.Plan.TotalBytes,
            ManagedBytesPerStep = (double)managedBytes / steps,
            Device = Machine.Describe(device),
            Build.Commit,
        });
        return ExitCode.Done;
    }

    private static (Sample Sample, long ManagedBytes) Measure(Trainer trainer, int steps, int tokensPerStep, Screen screen)
    {
        double[] seconds = new double[steps];
        long managedBytes = 0;
        using ProgressBar bar = screen.Progress("measuring", WarmUpSteps + steps);
        for (int step = -WarmUpSteps; step < steps; step++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            StepResult result = trainer.Step();
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            if (step >= 0)
            {
                seconds[step] = result.Seconds;
                managedBytes += allocated;
            }

            bar.Report(step + WarmUpSteps + 1, $"loss {Screen.Fixed(result.Loss, 4)}  {Screen.Count(tokensPerStep / result.Seconds)} tokens/s");
        }

        return (new Sample(seconds), managedBytes);
    }

    private bool RecomputeOf(ParseResult arguments) => arguments.GetRequiredValue(_recompute) switch
    {
        "none" => false,
        "block" => true,
        string other => throw CamelsException.Usage($"--recompute {other} is unknown; there are none and block"),
    };

    private static int AtLeastOne(ParseResult arguments, Option<int> option) => arguments.GetValue(option) is int value and >= 1
        ? value
        : throw CamelsException.Usage($"{option.Name} {arguments.GetValue(option)} is out of range; expected at least 1");
}
