using System.CommandLine;
using System.Globalization;
using Camels.Cli.Measurements;
using Camels.Cli.Output;
using Camels.Engine;
using Camels.Engine.Generation;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Training;
using Camels.Kernels;

namespace Camels.Cli.Verbs;

/// <summary>Says what a run will take before it is started, from its recipe and the model's config alone.</summary>
internal sealed class PlanVerb : Verb
{
    /// <summary>Where a recipe counts epochs, the course of the learning rate is that of very many steps.</summary>
    private const long ManySteps = 1_000_000;

    private static readonly (string Suffix, double Bytes)[] _units =
        [("TIB", 1L << 40), ("GIB", 1L << 30), ("MIB", 1L << 20), ("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("B", 1)];

    private readonly RecipeOptions _recipe;
    private readonly Option<int> _gpus;
    private readonly Option<string?> _gpuMemory;
    private readonly Option<string?> _gpu;
    private readonly DeviceOption _device;

    public PlanVerb()
        : base(
            "plan",
            "Say what a run will take before it starts, and refuse what does not fit",
            "camels plan --recipe alpaca-7b.yaml --gpu A100 --gpu-memory 40GB")
    {
        _recipe = new RecipeOptions(Command);
        _gpus = Option("--gpus", "number of GPUs; this version plans one", 1);
        _gpuMemory = Option<string?>("--gpu-memory", "memory of a GPU, as in 80GB or 80GiB; without it and --gpu, that of --device");
        _gpu = Option<string?>("--gpu", "a GPU by name, as in A100: its memory and its published peak");
        _device = new DeviceOption(Command);
    }

    protected override ExitCode Run(ParseResult arguments, Screen screen)
    {
        Recipe recipe = _recipe.Read(arguments);
        if (arguments.GetValue(_gpus) != 1)
        {
            throw CamelsException.Usage($"--gpus {arguments.GetValue(_gpus)}: this version plans one device; accepted: 1");
        }

        ModelConfig config = StartingModel.ConfigOf(recipe);
        int longest = FinetuneRun.SettingsOf(recipe, config.MaximumPositions).SequenceLength;
        TrainingPlan plan = TrainingPlan.Of(recipe, config, longest, longest);
        (long roomBytes, string place) = Room(arguments, screen);
        double? peak = arguments.GetValue(_gpu) is string gpu ? GpuPeak.Named(gpu, recipe.Precision).FlopsPerSecond : null;
        bool fits = plan.Memory.TotalBytes <= roomBytes;
        Print(plan, roomBytes, place, peak, screen);
        screen.Json(Summary(plan, roomBytes, place, peak, fits ? [] : MemoryRemedies.Find(plan, roomBytes, out _)));
        plan.RequireRoom(roomBytes, place);
        return ExitCode.Done;
    }

    private (long Bytes, string Place) Room(ParseResult arguments, Screen screen)
    {
        string? gpu = arguments.GetValue(_gpu);
        if (arguments.GetValue(_gpuMemory) is string memory)
        {
            return (BytesOf(memory), gpu ?? "a GPU");
        }

        if (gpu is not null)
        {
            return (GpuPeak.Named(gpu, Precision.Bf16).MemoryBytes, gpu);
        }

        using Device device = _device.Open(arguments, screen);
        return (device.FreeBytes, device.Name);
    }

    private static long BytesOf(string memory)
    {
        string text = memory.Trim().ToUpperInvariant();
        (string? suffix, double unit) = Array.Find(_units, known => text.EndsWith(known.Suffix, StringComparison.Ordinal));
        bool isNumber = double.TryParse(text[..^(suffix?.Length ?? 0)], NumberStyles.Float, CultureInfo.InvariantCulture, out double value);
        return suffix is not null && isNumber && value * unit is > 0 and < long.MaxValue
            ? (long)(value * unit)
            : throw CamelsException.Usage($"--gpu-memory {memory} is no amount of memory; accepted: a number and a unit, as in 80GB or 80GiB");
    }

    private static void Print(TrainingPlan plan, long roomBytes, string place, double? peak, Screen screen)
    {
        MemoryPlan memory = plan.Memory;
        Recipe recipe = plan.Recipe;
        string compute = plan.Config.Adapter is { QuantizedBase: true } ? $"nf4, {recipe.Precision.Name}" : recipe.Precision.Name;
        screen.Table(
            ["training", "type", "GB>"],
            [
                ["weights", compute, Gigabytes(memory.WeightBytes)],
                ["masters", recipe.Precision.HasMasters ? "fp32" : "the weights", Gigabytes(memory.MasterBytes)],
                ["moments", plan.MomentType, Gigabytes(memory.MomentBytes)],
                ["gradients", recipe.Training.Fused ? "fp32, of one block" : "fp32", Gigabytes(memory.GradientBytes)],
                ["activations, forward to backward", recipe.Precision.Name, Gigabytes(memory.ActivationBytes)],
                ["  of that, workspace of the head", "fp32", Gigabytes(memory.HeadBytes)],
                ["rotations of all positions", "fp32", Gigabytes(memory.TableBytes)],
                ["tokens and labels", "int32", Gigabytes(memory.BatchBytes)],
                ["together", "", Gigabytes(memory.TotalBytes)],
                [$"there on {place}", "", Gigabytes(roomBytes)],
            ]);
        long cacheBytes = plan.CacheBytes(GenerationTokens);
        screen.Line($"generating with the model: {Gigabytes(memory.WeightBytes)} GB of weights, {Gigabytes(cacheBytes)} GB of keys and values for {Screen.Count(GenerationTokens)} tokens");
        screen.Line($"{Screen.Count(plan.Config.ParameterCount())} parameters, {Screen.Count(memory.TrainedParameters)} trained; a step is {recipe.Training.BatchSize} rows of up to "
            + $"{plan.LongestRow} tokens, {TrainerSettings.Of(recipe, steps: 0).RowsAtOnce} at once");
        screen.Line($"work: {Screen.Fixed(plan.Work, 2)} × a plain step{Reasons(plan)}; {Screen.Fixed(plan.FlopsPerStep / 1e12, 2)} TFLOP a step"
            + (peak is double flops ? $", at least {Screen.Fixed(plan.FlopsPerStep / flops, 2)} s at the published peak" : ""));
        screen.Table(["learning rate at>", "step>", "rate>"], Course(recipe).Select(point =>
            (IReadOnlyList<string>)[$"{point.Percent} %", point.Step is long step ? Screen.Count(step) : "", point.Rate.ToString("G4", CultureInfo.InvariantCulture)]));
    }

    private static int GenerationTokens => new GenerationSettings().MaximumBatchTokens;

    private static string Reasons(TrainingPlan plan)
    {
        List<string> reasons = [];
        if (plan.Recipe.Recompute)
        {
            reasons.Add("recompute: block repeats the forward");
        }

        if (!plan.TrainsAll)
        {
            reasons.Add("frozen weights have no gradients");
        }

        if (plan.TakesTwoPasses)
        {
            string why = plan.Recipe.Training.ClipNorm > 0 ? "training.clip_norm needs the norm" : "that all gradients are finite must be known";
            reasons.Add($"training.fused goes over the rows twice, because {why} before the first block is stepped");
        }

        return reasons.Count == 0 ? "" : $" ({string.Join("; ", reasons)})";
    }

    private static IEnumerable<(int Percent, long? Step, double Rate)> Course(Recipe recipe)
    {
        long steps = recipe.Training.Steps ?? ManySteps;
        LearningRate rate = LearningRate.Of(recipe.Training, steps);
        return ((int[])[0, 25, 50, 75, 100]).Select(percent => (percent, recipe.Training.Steps is null ? (long?)null : steps * percent / 100, rate.At(steps * percent / 100)));
    }

    private static string Gigabytes(long bytes) => Screen.Fixed(bytes / 1e9, 2);

    private static object Summary(TrainingPlan plan, long roomBytes, string place, double? peak, IReadOnlyList<MemoryRemedy> ways) => new
    {
        Parameters = plan.Config.ParameterCount(),
        plan.Memory.TrainedParameters,
        Precision = plan.Recipe.Precision.Name,
        Fits = plan.Memory.TotalBytes <= roomBytes,
        Device = place,
        DeviceMemoryBytes = roomBytes,
        Memory = new
        {
            plan.Memory.WeightBytes,
            plan.Memory.MasterBytes,
            plan.Memory.MomentBytes,
            plan.Memory.GradientBytes,
            plan.Memory.ActivationBytes,
            plan.Memory.HeadBytes,
            plan.Memory.TableBytes,
            plan.Memory.BatchBytes,
            plan.Memory.TotalBytes,
        },
        Generation = new { plan.Memory.WeightBytes, CacheBytes = plan.CacheBytes(GenerationTokens), Tokens = GenerationTokens },
        RowsPerStep = plan.Recipe.Training.BatchSize,
        RowsAtOnce = TrainerSettings.Of(plan.Recipe, steps: 0).RowsAtOnce,
        plan.LongestRow,
        plan.Work,
        plan.TakesTwoPasses,
        plan.FlopsPerStep,
        LeastStepSeconds = peak is double flops ? plan.FlopsPerStep / flops : (double?)null,
        LearningRate = Course(plan.Recipe).Select(point => new { point.Percent, point.Step, point.Rate }),
        Ways = ways.Select(way => new { way.Changes, way.Plan.Memory.TotalBytes, way.Plan.Work }),
    };
}
