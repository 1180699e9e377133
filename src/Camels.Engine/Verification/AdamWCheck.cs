using System.Globalization;
using Camels.Engine.Checkpoints;
using Camels.Engine.Parameters;
using Camels.Engine.Training;
using Camels.Kernels;

namespace Camels.Engine.Verification;

/// <summary>AdamW on given gradients, clipping and learning-rate schedules against the reference's.</summary>
internal static class AdamWCheck
{
    private const long MostElements = 1 << 26;

    public static void Run(GoldenCase goldenCase, Device device, CheckReport report)
    {
        double[] rates = goldenCase.Manifest.Numbers("lr_per_step");
        bool isWhole = rates.Length > 0 && !goldenCase.Inputs.Tensors.Any(t => t.Name.StartsWith($"grad.{rates.Length}/", StringComparison.Ordinal));
        goldenCase.Manifest.Require("lr_per_step", isWhole, "a rate for each step that inputs.safetensors has gradients of");
        JsonFields variants = goldenCase.Manifest.RequiredObject("variants");
        foreach (string name in variants.Names)
        {
            CheckVariant(goldenCase, device, report, name, variants.RequiredObject(name), rates);
        }

        CheckClipping(goldenCase, device, report);
        CheckSchedules(goldenCase, report);
    }

    private static void CheckVariant(GoldenCase goldenCase, Device device, CheckReport report, string name, JsonFields variant, double[] rates)
    {
        TrainingRecipe recipe = new()
        {
            WeightDecay = variant.RequiredNumber("weight_decay"),
            Adam = TrainingCheck.AdamOf(variant, goldenCase.Manifest.RequiredNumber("eps")),
        };
        using ParameterUnit unit = LoadParameters(goldenCase, device);
        using Optimizer optimizer = new(device.Stream, unit.Parameters, recipe, decays: _ => true);
        double worst = 0;
        for (int step = 0; step < rates.Length; step++)
        {
            LoadGradients(goldenCase, unit, $"{step}");
            optimizer.Update(step + 1, rates[step], gradientScale: 1);
            worst = Errors.Larger(worst, Worst(goldenCase, unit, $"{name}/{step}/", p => p.Master, "weights"));
        }

        report.Add($"{name} weights", worst, 1, $"{rates.Length} steps, share of the tolerance");
        report.Add($"{name} exp_avg", Worst(goldenCase, unit, $"{name}/exp_avg/", p => p.FirstMoment, "exp_avg"), 1, "share of the tolerance");
        report.Add($"{name} exp_avg_sq", Worst(goldenCase, unit, $"{name}/exp_avg_sq/", p => p.SecondMoment, "exp_avg_sq"), 1, "share of the tolerance");
    }

    private static void CheckClipping(GoldenCase goldenCase, Device device, CheckReport report)
    {
        double tolerance = goldenCase.Tolerance("clip", "rtol");
        using ParameterUnit unit = LoadParameters(goldenCase, device);
        JsonFields norms = goldenCase.Manifest.RequiredObject("clip_grad_norm").RequiredObject("total_norm_before");
        foreach (string name in norms.Names)
        {
            double expected = norms.RequiredNumber(name);
            string[] parts = name.Split('/');
            double limit = 0;
            bool isStepAndLimit = parts.Length == 2 && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out _)
                && double.TryParse(parts[1], NumberStyles.Float, CultureInfo.InvariantCulture, out limit);
            norms.Require(name, isStepAndLimit, "a number under the name step/limit");
            string step = parts[0];
            LoadGradients(goldenCase, unit, step);
            using Optimizer optimizer = new(device.Stream, unit.Parameters, new TrainingRecipe { ClipNorm = limit }, decays: _ => true);
            double norm = optimizer.GradientNorm();
            report.Add($"norm {name}", Errors.Relative(norm, expected), tolerance);
            string prefix = $"clip{parts[1]}/{step}/";
            double factor = optimizer.ClipFactor(norm);
            double worst = 0;
            bool found = false;
            foreach (Parameter parameter in unit.Parameters.Where(p => goldenCase.Outputs.Find(prefix + p.Name) is not null))
            {
                found = true;
                double[] clipped = [.. DeviceNumbers.Read(unit.Stream, parameter.Gradient).Select(g => g * factor)];
                worst = Errors.Larger(worst, Errors.ShareOfTolerance(clipped, Expected(goldenCase, prefix, parameter), absolute: 0, tolerance));
            }

            if (found)
            {
                report.Add($"gradients {prefix}", worst, 1, "share of the tolerance");
            }
        }
    }

    private static void CheckSchedules(GoldenCase goldenCase, CheckReport report)
    {
        JsonFields schedules = goldenCase.Manifest.RequiredObject("schedules");
        int warmup = schedules.Integer("num_warmup_steps", 0, int.MaxValue);
        int steps = schedules.Integer("num_training_steps", 0, int.MaxValue);
        double tolerance = goldenCase.Tolerance("lr_factor", "rtol");
        JsonFields factors = schedules.RequiredObject("lr_factor_at_optimizer_step");
        foreach (string name in factors.Names)
        {
            LearningRate? schedule = name switch
            {
                "linear" => new LearningRate(ScheduleKind.Linear, 1, warmup, steps, LowestRatio: 0),
                "linear_no_warmup" => new LearningRate(ScheduleKind.Linear, 1, WarmupSteps: 0, steps, LowestRatio: 0),
                "cosine" => new LearningRate(ScheduleKind.Cosine, 1, warmup, steps, LowestRatio: 0),
                "constant_with_warmup" => new LearningRate(ScheduleKind.Constant, 1, warmup, steps, LowestRatio: 0),
                "constant" => new LearningRate(ScheduleKind.Constant, 1, WarmupSteps: 0, steps, LowestRatio: 0),
                _ => null,
            };
            if (schedule is null)
            {
                report.AddAbsent($"schedule {name}", "unknown to this version");
                continue;
            }

            double worst = 0;
            int step = 0;
            foreach (double expected in factors.Numbers(name))
            {
                double error = Math.Abs(schedule.At(step++) - expected);
                worst = Errors.Larger(worst, error / Math.Max(1, Math.Abs(expected)));
            }

            report.Add($"schedule {name}", worst, tolerance, $"{step} steps");
        }
    }

    private static ParameterUnit LoadParameters(GoldenCase goldenCase, Device device)
    {
        ParameterUnit unit = new("golden", Precision.Fp32);
        StoredTensor[] stored = [.. goldenCase.Inputs.Tensors.Where(t => !t.Name.StartsWith("grad.", StringComparison.Ordinal))];
        if (stored.Length == 0)
        {
            throw CamelsException.BadInput($"{goldenCase.Folder}/inputs.safetensors has no parameters, only gradients");
        }

        foreach (StoredTensor tensor in stored)
        {
            if (tensor.ElementCount is < 1 or > MostElements || tensor.Shape.Count > Shape.MaximumRank)
            {
                string shape = string.Join(", ", tensor.Shape);
                throw GoldenCase.Refused(tensor, $"has the shape ({shape}), expected 1 to {MostElements} elements in at most {Shape.MaximumRank} dimensions");
            }

            _ = unit.Add(tensor.Name, [.. tensor.Shape.Select(e => (int)e)]);
        }

        unit.Allocate(device);
        unit.AllocateTraining(gradientLevels: 0);
        foreach (Parameter parameter in unit.Parameters)
        {
            goldenCase.Inputs.Get(parameter.Name).Read(unit.Stream, parameter.Weight);
        }

        return unit;
    }

    private static void LoadGradients(GoldenCase goldenCase, ParameterUnit unit, string step)
    {
        foreach (Parameter parameter in unit.Parameters)
        {
            StoredTensor stored = goldenCase.Inputs.Get($"grad.{step}/{parameter.Name}");
            stored.RequireShape([.. parameter.Extents]);
            stored.Read(unit.Stream, parameter.Gradient);
        }
    }

    private static double Worst(GoldenCase goldenCase, ParameterUnit unit, string prefix, Func<Parameter, Tensor> tensorOf, string tolerance)
    {
        double relative = goldenCase.Tolerance(tolerance, "rtol");
        double absolute = goldenCase.FindTolerance(tolerance, "atol") ?? 0;
        double worst = 0;
        foreach (Parameter parameter in unit.Parameters)
        {
            double[] actual = DeviceNumbers.Read(unit.Stream, tensorOf(parameter));
            worst = Errors.Larger(worst, Errors.ShareOfTolerance(actual, Expected(goldenCase, prefix, parameter), absolute, relative));
        }

        return worst;
    }

    private static double[] Expected(GoldenCase goldenCase, string prefix, Parameter parameter) =>
        GoldenCase.Values(goldenCase.Outputs.Get(prefix + parameter.Name), [.. parameter.Extents]);
}
