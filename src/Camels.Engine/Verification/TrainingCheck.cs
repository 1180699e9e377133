using System.Text.Json;
using Camels.Engine.Checkpoints;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Training;
using Camels.Kernels;

namespace Camels.Engine.Verification;

/// <summary>Gradients of one batch, and weights, losses and optimizer state after a few steps, against the reference's.</summary>
internal static class TrainingCheck
{
    private const int Lanes = 4;

    public static void Run(GoldenCase goldenCase, Func<Precision, ILanguageModel> open, Device device, CheckReport report)
    {
        CheckGradients(goldenCase, open, device, report);
        CheckGradientNorm(goldenCase, open, device, report, "left");
        if (goldenCase.Manifest.TryGetProperty("train", out JsonElement train))
        {
            foreach (JsonProperty variant in train.GetProperty("variants").EnumerateObject())
            {
                CheckVariant(goldenCase, open, device, report, train, variant);
            }
        }

        if (goldenCase.Manifest.TryGetProperty("finetune", out JsonElement finetune))
        {
            CheckFinetune(goldenCase, open, device, report, finetune);
        }
    }

    private static void CheckGradients(GoldenCase goldenCase, Func<Precision, ILanguageModel> open, Device device, CheckReport report)
    {
        if (!goldenCase.Manifest.TryGetProperty("grads", out JsonElement entry))
        {
            report.AddAbsent("grads");
            return;
        }

        string batch = entry.GetProperty("batch").GetString()!;
        using GoldenRun run = new(goldenCase, open, device, new TrainingRecipe(), [batch], decays: null);
        double loss = run.Trainer.Accumulate(step: 0, out _, out _);
        report.Add($"grads ({batch}) loss", Errors.Relative(loss, entry.GetProperty("loss").GetDouble()), Tolerance(goldenCase, "loss", "rel"));
        CheckNorm(goldenCase, report, batch, run.Trainer.Optimizer.GradientNorm());
        TensorFiles expected = goldenCase.OpenFile(entry.GetProperty("file").GetString()!);
        CompareGradients(new Noise(goldenCase), report, expected, run.Trainer, Tolerance(goldenCase, "grads", "rel_to_max_per_tensor"));
    }

    private static void CheckGradientNorm(GoldenCase goldenCase, Func<Precision, ILanguageModel> open, Device device, CheckReport report, string batch)
    {
        if (goldenCase.Outputs.Find($"{batch}.grad_norm") is null)
        {
            return;
        }

        using GoldenRun run = new(goldenCase, open, device, new TrainingRecipe(), [batch], decays: null);
        _ = run.Trainer.Accumulate(step: 0, out _, out _);
        CheckNorm(goldenCase, report, batch, run.Trainer.Optimizer.GradientNorm());
    }

    private static void CheckNorm(GoldenCase goldenCase, CheckReport report, string batch, double norm)
    {
        if (goldenCase.Outputs.Find($"{batch}.grad_norm") is StoredTensor stored)
        {
            report.Add($"{batch}.grad_norm", Errors.Relative(norm, GoldenCase.Values(stored)[0]), Tolerance(goldenCase, "grad_norm", "rel"));
        }
    }

    private static void CheckVariant(
        GoldenCase goldenCase, Func<Precision, ILanguageModel> open, Device device, CheckReport report, JsonElement train, JsonProperty variant)
    {
        JsonElement settings = variant.Value;
        JsonElement decay = settings.GetProperty("decay_parameters");
        HashSet<string>? decaying = decay.ValueKind == JsonValueKind.Array ? [.. decay.EnumerateArray().Select(e => e.GetString()!)] : null;
        TrainingRecipe recipe = RecipeOf(train) with
        {
            WeightDecay = settings.GetProperty("weight_decay").GetDouble(),
            ClipNorm = OptionalNumber(settings, "max_grad_norm"),
        };
        string[] batches = [.. settings.GetProperty("steps").EnumerateArray().Select(s => s.GetProperty("batch").GetString()!)];
        using GoldenRun run = new(goldenCase, open, device, recipe, batches, p => decaying?.Contains(p.Name) ?? true);
        CheckSteps(goldenCase, report, $"train_{variant.Name}", run.Trainer, settings.GetProperty("steps"), Tolerance(goldenCase, "train_loss", "rel"));

        TensorFiles expected = goldenCase.OpenFile(settings.GetProperty("file").GetString()!);
        CompareWeights(goldenCase, report, $"train_{variant.Name}", expected, run.Trainer);
        double tolerance = Tolerance(goldenCase, "adamw_state", "rel_to_max_per_tensor");
        Noise noise = new(goldenCase);
        CompareState(noise, report, $"train_{variant.Name} ", "exp_avg/", expected, run.Trainer, p => p.FirstMoment, tolerance);
        CompareState(noise, report, $"train_{variant.Name} ", "exp_avg_sq/", expected, run.Trainer, p => p.SecondMoment, tolerance);
    }

    private static void CheckFinetune(
        GoldenCase goldenCase, Func<Precision, ILanguageModel> open, Device device, CheckReport report, JsonElement finetune)
    {
        JsonElement steps = finetune.GetProperty("steps");
        TrainingRecipe recipe = RecipeOf(finetune) with
        {
            WeightDecay = finetune.GetProperty("weight_decay").GetDouble(),
            ClipNorm = OptionalNumber(finetune, "max_grad_norm"),
        };
        string[] batches = [.. Enumerable.Repeat("", steps.GetArrayLength())];
        using GoldenRun run = new(goldenCase, open, device, recipe, batches, decays: null);
        CheckSteps(goldenCase, report, "finetune", run.Trainer, steps, Tolerance(goldenCase, "finetune_loss", "rel"));
    }

    internal static void CheckSteps(
        GoldenCase goldenCase, CheckReport report, string name, Trainer trainer, JsonElement steps, double lossTolerance)
    {
        double worstLoss = 0;
        double worstNorm = 0;
        double worstRate = 0;
        foreach (JsonElement step in steps.EnumerateArray())
        {
            StepResult result = trainer.Step();
            worstLoss = Errors.Larger(worstLoss, Errors.Relative(result.Loss, step.GetProperty("loss").GetDouble()));
            worstNorm = Errors.Larger(worstNorm, Errors.Relative(result.GradientNorm, step.GetProperty("grad_norm").GetDouble()));
            worstRate = Errors.Larger(worstRate, Errors.Relative(result.LearningRate, step.GetProperty("lr").GetDouble()));
        }

        string note = $"{steps.GetArrayLength()} steps";
        report.Add($"{name} losses", worstLoss, lossTolerance, note);
        report.Add($"{name} gradient norms", worstNorm, goldenCase.Number("tolerance", "grad_norm", "rel") ?? lossTolerance, note);
        report.Add($"{name} learning rates", worstRate, 1e-12, note);
    }

    internal static void CompareWeights(
        GoldenCase goldenCase, CheckReport report, string name, TensorFiles expected, Trainer trainer, string prefix = "")
    {
        double absolute = Tolerance(goldenCase, "train_weights", "atol");
        double relative = Tolerance(goldenCase, "train_weights", "rtol");
        long outside = 0;
        long all = 0;
        double largest = 0;
        Noise noise = new(goldenCase);
        foreach (Parameter parameter in trainer.Optimizer.Parameters)
        {
            double[] wanted = GoldenCase.Values(expected.Get(prefix + parameter.Name));
            double[] actual = noise.Masked(parameter.Name, DeviceNumbers.Read(trainer.Pass.Stream, parameter.Master), wanted);
            for (int i = 0; i < wanted.Length; i++)
            {
                double error = Math.Abs(actual[i] - wanted[i]);
                largest = Errors.Larger(largest, error);
                outside += error <= absolute + (relative * Math.Abs(wanted[i])) ? 0 : 1;
            }

            all += wanted.Length - noise.Of(parameter.Name, wanted.Length).Count();
        }

        double share = (double)outside / all;
        report.Add($"{name} weights outside", share, 1 - Tolerance(goldenCase, "train_weights", "fraction_within"), $"{outside} of {all} values");
        report.Add($"{name} weights, largest error", largest, Tolerance(goldenCase, "train_weights", "max_abs"), $"{trainer.Optimizer.Parameters.Count} tensors");
    }

    private static void CompareState(
        Noise noise, CheckReport report, string checkPrefix, string prefix, TensorFiles expected, Trainer trainer,
        Func<Parameter, Tensor> tensorOf, double tolerance)
    {
        string[] names = [.. expected.Tensors.Select(t => t.Name).Where(n => n.StartsWith(prefix, StringComparison.Ordinal)).Select(n => n[prefix.Length..])];
        if (names.Length == 0)
        {
            report.AddAbsent(checkPrefix + prefix);
            return;
        }

        double worst = 0;
        foreach (string name in names)
        {
            Parameter parameter = trainer.Optimizer.Parameters.Single(p => p.Name == name);
            worst = Errors.Larger(worst, Error(noise, trainer, name, tensorOf(parameter), expected.Get(prefix + name)));
        }

        report.Add(checkPrefix + prefix, worst, tolerance, $"{names.Length} tensors");
    }

    internal static void CompareGradients(
        Noise noise, CheckReport report, TensorFiles expected, Trainer trainer, double tolerance, string prefix = "")
    {
        foreach (StoredTensor tensor in expected.Tensors)
        {
            string check = $"grads/{tensor.Name}";
            if (noise.IsAll(tensor.Name))
            {
                report.AddAbsent(check, "zero in exact arithmetic: rounding noise");
            }
            else if (trainer.Optimizer.Parameters.FirstOrDefault(p => prefix + p.Name == tensor.Name) is Parameter parameter)
            {
                report.Add(check, Error(noise, trainer, tensor.Name, parameter.Gradient, tensor), tolerance);
            }
            else
            {
                report.Add(check, double.NaN, tolerance, "the model has no such parameter");
            }
        }
    }

    // Zero where nothing of the parameter is to be compared.
    private static double Error(Noise noise, Trainer trainer, string parameter, Tensor actual, StoredTensor expected)
    {
        double[] wanted = GoldenCase.Values(expected);
        return Errors.RelativeToMaximum(noise.Masked(parameter, DeviceNumbers.Read(trainer.Pass.Stream, actual), wanted), wanted);
    }

    internal static double Tolerance(GoldenCase goldenCase, string entry, string measure) => goldenCase.Number("tolerance", entry, measure)
        ?? throw CamelsException.BadInput($"{goldenCase.Folder}/manifest.json names no tolerance {entry}.{measure}");

    private static double OptionalNumber(JsonElement settings, string name) =>
        settings.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : 0;

    internal static TrainingRecipe RecipeOf(JsonElement settings)
    {
        JsonElement betas = settings.GetProperty("betas");
        return new TrainingRecipe
        {
            LearningRate = settings.GetProperty("lr").GetDouble(),
            Schedule = ScheduleKind.Linear,
            WarmupSteps = settings.GetProperty("num_warmup_steps").GetInt32(),
            Steps = settings.GetProperty("num_training_steps").GetInt32(),
            Adam = new AdamRecipe
            {
                Beta1 = betas[0].GetDouble(),
                Beta2 = betas[1].GetDouble(),
                Epsilon = settings.GetProperty("eps").GetDouble(),
            },
        };
    }

    /// <summary>
    /// The elements whose gradient is zero in exact arithmetic (attention's key biases): what the reference stores there is rounding noise,
    /// which AdamW turns into whole steps.
    /// </summary>
    internal sealed class Noise
    {
        private readonly HashSet<string> _whole = [];
        private readonly Dictionary<string, int[]> _elements = [];

        public Noise(GoldenCase goldenCase)
        {
            if (!goldenCase.Manifest.TryGetProperty("grads", out JsonElement grads))
            {
                return;
            }

            if (grads.TryGetProperty("structurally_zero", out JsonElement names))
            {
                _whole.UnionWith(names.EnumerateArray().Select(name => name.GetString()!));
            }

            if (grads.TryGetProperty("structurally_zero_elements", out JsonElement lists))
            {
                _elements = lists.EnumerateObject().ToDictionary(list => list.Name, list => (int[])[.. list.Value.EnumerateArray().Select(i => i.GetInt32())]);
            }
        }

        /// <summary>True where nothing of the parameter is to be compared.</summary>
        public bool IsAll(string name) => _whole.Contains(name);

        /// <summary>The elements of a parameter of <paramref name="length"/> that are not to be compared.</summary>
        public IEnumerable<int> Of(string name, int length) =>
            IsAll(name) ? Enumerable.Range(0, length) : _elements.GetValueOrDefault(name, []);

        /// <summary>The values found, with those expected where nothing is to be compared.</summary>
        public double[] Masked(string name, double[] actual, double[] expected)
        {
            foreach (int i in Of(name, expected.Length))
            {
                actual[i] = expected[i];
            }

            return actual;
        }
    }

    /// <summary>A fresh model with its trainer over golden batches.</summary>
    internal sealed class GoldenRun : IDisposable
    {
        private readonly ILanguageModel _model;

        public GoldenRun(
            GoldenCase goldenCase, Func<Precision, ILanguageModel> open, Device device, TrainingRecipe recipe, string[] batches, Func<Parameter, bool>? decays)
        {
            _model = open(Precision.Fp32);
            GoldenRow[][] rows = [.. batches.Select(b => goldenCase.Rows(b.Length == 0 ? "" : b + "."))];
            TrainerSettings settings = new(recipe with { BatchSize = rows.Max(r => r.Length) }, Lanes, LanesPerCall: 0, recipe.Steps ?? 1);
            Trainer = new Trainer(_model, device, settings, new GoldenRows(rows), decays: decays);
        }

        public Trainer Trainer { get; }

        public void Dispose()
        {
            Trainer.Dispose();
            _model.Dispose();
        }
    }
}
