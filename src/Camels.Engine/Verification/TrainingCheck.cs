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
        if (goldenCase.Manifest.Object("train") is JsonFields train)
        {
            JsonFields variants = train.RequiredObject("variants");
            foreach (string variant in variants.Names)
            {
                CheckVariant(goldenCase, open, device, report, train, variant, variants.RequiredObject(variant));
            }
        }

        if (goldenCase.Manifest.Object("finetune") is JsonFields finetune)
        {
            CheckFinetune(goldenCase, open, device, report, finetune);
        }
    }

    private static void CheckGradients(GoldenCase goldenCase, Func<Precision, ILanguageModel> open, Device device, CheckReport report)
    {
        if (goldenCase.Manifest.Object("grads") is not JsonFields entry)
        {
            report.AddAbsent("grads");
            return;
        }

        string batch = goldenCase.BatchName(entry, "batch");
        using GoldenRun run = new(goldenCase, open, device, new TrainingRecipe(), [batch], decays: null);
        double loss = run.Trainer.Accumulate(step: 0, out _, out _);
        report.Add($"grads ({batch}) loss", Errors.Relative(loss, entry.RequiredNumber("loss")), goldenCase.Tolerance("loss", "rel"));
        CheckNorm(goldenCase, report, batch, run.Trainer.Optimizer.GradientNorm());
        TensorFiles expected = goldenCase.OpenNamed(entry, "file");
        CompareGradients(new Noise(goldenCase), report, expected, run.Trainer, goldenCase.Tolerance("grads", "rel_to_max_per_tensor"));
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
            report.Add($"{batch}.grad_norm", Errors.Relative(norm, GoldenCase.Scalar(stored)), goldenCase.Tolerance("grad_norm", "rel"));
        }
    }

    private static void CheckVariant(
        GoldenCase goldenCase, Func<Precision, ILanguageModel> open, Device device, CheckReport report, JsonFields train, string variant, JsonFields settings)
    {
        HashSet<string>? decaying = settings.IsList("decay_parameters") ? [.. settings.Texts("decay_parameters")] : null;
        settings.Require("decay_parameters", decaying is not null || settings.Text("decay_parameters") is null or "all", "\"all\" or a list of parameters");
        TrainingRecipe recipe = RecipeOf(train) with
        {
            WeightDecay = settings.RequiredNumber("weight_decay"),
            ClipNorm = settings.Number("max_grad_norm", missing: 0),
        };
        IReadOnlyList<JsonFields> steps = StepsOf(settings);
        string[] batches = [.. steps.Select(step => goldenCase.BatchName(step, "batch"))];
        using GoldenRun run = new(goldenCase, open, device, recipe, batches, p => decaying?.Contains(p.Name) ?? true);
        CheckSteps(goldenCase, report, $"train_{variant}", run.Trainer, steps, goldenCase.Tolerance("train_loss", "rel"));

        TensorFiles expected = goldenCase.OpenNamed(settings, "file");
        CompareWeights(goldenCase, report, $"train_{variant}", expected, run.Trainer);
        double tolerance = goldenCase.Tolerance("adamw_state", "rel_to_max_per_tensor");
        Noise noise = new(goldenCase);
        CompareState(noise, report, $"train_{variant} ", "exp_avg/", expected, run.Trainer, p => p.FirstMoment, tolerance);
        CompareState(noise, report, $"train_{variant} ", "exp_avg_sq/", expected, run.Trainer, p => p.SecondMoment, tolerance);
    }

    private static void CheckFinetune(
        GoldenCase goldenCase, Func<Precision, ILanguageModel> open, Device device, CheckReport report, JsonFields finetune)
    {
        IReadOnlyList<JsonFields> steps = StepsOf(finetune);
        TrainingRecipe recipe = RecipeOf(finetune) with
        {
            WeightDecay = finetune.RequiredNumber("weight_decay"),
            ClipNorm = finetune.Number("max_grad_norm", missing: 0),
        };
        string[] batches = [.. Enumerable.Repeat("", steps.Count)];
        using GoldenRun run = new(goldenCase, open, device, recipe, batches, decays: null);
        CheckSteps(goldenCase, report, "finetune", run.Trainer, steps, goldenCase.Tolerance("finetune_loss", "rel"));
    }

    internal static void CheckSteps(
        GoldenCase goldenCase, CheckReport report, string name, Trainer trainer, IReadOnlyList<JsonFields> steps, double lossTolerance)
    {
        double worstLoss = 0;
        double worstNorm = 0;
        double worstRate = 0;
        foreach (JsonFields step in steps)
        {
            StepResult result = trainer.Step();
            worstLoss = Errors.Larger(worstLoss, Errors.Relative(result.Loss, step.RequiredNumber("loss")));
            worstNorm = Errors.Larger(worstNorm, Errors.Relative(result.GradientNorm, step.RequiredNumber("grad_norm")));
            worstRate = Errors.Larger(worstRate, Errors.Relative(result.LearningRate, step.RequiredNumber("lr")));
        }

        string note = $"{steps.Count} steps";
        report.Add($"{name} losses", worstLoss, lossTolerance, note);
        report.Add($"{name} gradient norms", worstNorm, goldenCase.FindTolerance("grad_norm", "rel") ?? lossTolerance, note);
        report.Add($"{name} learning rates", worstRate, 1e-12, note);
    }

    internal static void CompareWeights(
        GoldenCase goldenCase, CheckReport report, string name, TensorFiles expected, Trainer trainer, string prefix = "")
    {
        double absolute = goldenCase.Tolerance("train_weights", "atol");
        double relative = goldenCase.Tolerance("train_weights", "rtol");
        long outside = 0;
        long all = 0;
        double largest = 0;
        Noise noise = new(goldenCase);
        foreach (Parameter parameter in trainer.Optimizer.Parameters)
        {
            double[] wanted = GoldenCase.Values(expected.Get(prefix + parameter.Name), [.. parameter.Extents]);
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
        report.Add($"{name} weights outside", share, 1 - goldenCase.Tolerance("train_weights", "fraction_within"), $"{outside} of {all} values");
        report.Add($"{name} weights, largest error", largest, goldenCase.Tolerance("train_weights", "max_abs"), $"{trainer.Optimizer.Parameters.Count} tensors");
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
            StoredTensor stored = expected.Get(prefix + name);
            Parameter parameter = trainer.Optimizer.Parameters.FirstOrDefault(p => p.Name == name) ?? throw GoldenCase.Refused(stored, "is of no parameter of the model");
            worst = Errors.Larger(worst, Error(noise, trainer, name, parameter, tensorOf(parameter), stored));
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
                report.Add(check, Error(noise, trainer, tensor.Name, parameter, parameter.Gradient, tensor), tolerance);
            }
            else
            {
                report.Add(check, double.NaN, tolerance, "the model has no such parameter");
            }
        }
    }

    // Zero where nothing of the parameter is to be compared.
    private static double Error(Noise noise, Trainer trainer, string name, Parameter parameter, Tensor actual, StoredTensor expected)
    {
        double[] wanted = GoldenCase.Values(expected, [.. parameter.Extents]);
        return Errors.RelativeToMaximum(noise.Masked(name, DeviceNumbers.Read(trainer.Pass.Stream, actual), wanted), wanted);
    }

    internal static IReadOnlyList<JsonFields> StepsOf(JsonFields settings)
    {
        IReadOnlyList<JsonFields> steps = settings.Objects("steps");
        settings.Require("steps", steps.Count > 0, "at least one step");
        return steps;
    }

    internal static TrainingRecipe RecipeOf(JsonFields settings)
    {
        return new TrainingRecipe
        {
            LearningRate = settings.RequiredNumber("lr"),
            Schedule = ScheduleKind.Linear,
            WarmupSteps = settings.Integer("num_warmup_steps", 0, int.MaxValue),
            Steps = settings.Integer("num_training_steps", 0, int.MaxValue),
            Adam = AdamOf(settings, settings.RequiredNumber("eps")),
        };
    }

    internal static AdamRecipe AdamOf(JsonFields settings, double epsilon)
    {
        double[] betas = settings.Numbers("betas");
        settings.Require("betas", betas.Length == 2, "two numbers");
        return new AdamRecipe { Beta1 = betas[0], Beta2 = betas[1], Epsilon = epsilon };
    }

    /// <summary>
    /// The elements whose gradient is zero in exact arithmetic (attention's key biases): what the reference stores there is rounding noise,
    /// which AdamW turns into whole steps.
    /// </summary>
    internal sealed class Noise(GoldenCase goldenCase)
    {
        private readonly HashSet<string> _whole =
            goldenCase.Manifest.Object("grads") is JsonFields grads && !grads.IsMissingOrNull("structurally_zero") ? [.. grads.Texts("structurally_zero")] : [];

        private readonly JsonFields? _elements = goldenCase.Manifest.Object("grads")?.Object("structurally_zero_elements");

        /// <summary>True where nothing of the parameter is to be compared.</summary>
        public bool IsAll(string name) => _whole.Contains(name);

        /// <summary>The elements of a parameter of <paramref name="length"/> that are not to be compared.</summary>
        public IEnumerable<int> Of(string name, int length) =>
            IsAll(name) ? Enumerable.Range(0, length) : _elements?.Integers(name, 0, length - 1).Distinct() ?? [];

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
            GoldenRow[][] rows = [.. batches.Select(b => goldenCase.Rows(b.Length == 0 ? "" : b + ".", _model.Config))];
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
