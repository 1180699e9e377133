using System.Globalization;
using System.Text.Json;
using Camels.Engine.Checkpoints;
using Camels.Engine.Parameters;
using Camels.Engine.Training;
using Camels.Kernels;

namespace Camels.Engine.Verification;

/// <summary>AdamW on given gradients, clipping and learning-rate schedules against the reference's.</summary>
internal static class AdamWCheck
{
    public static void Run(GoldenCase goldenCase, Device device, CheckReport report)
    {
        double[] rates = [.. goldenCase.Manifest.GetProperty("lr_per_step").EnumerateArray().Select(e => e.GetDouble())];
        foreach (JsonProperty variant in goldenCase.Manifest.GetProperty("variants").EnumerateObject())
        {
            CheckVariant(goldenCase, device, report, variant, rates);
        }

        CheckClipping(goldenCase, device, report);
        CheckSchedules(goldenCase, report);
    }

    private static void CheckVariant(GoldenCase goldenCase, Device device, CheckReport report, JsonProperty variant, double[] rates)
    {
        JsonElement betas = variant.Value.GetProperty("betas");
        TrainingRecipe recipe = new()
        {
            WeightDecay = variant.Value.GetProperty("weight_decay").GetDouble(),
            Adam = new AdamRecipe { Beta1 = betas[0].GetDouble(), Beta2 = betas[1].GetDouble(), Epsilon = goldenCase.Number("eps")!.Value },
        };
        using ParameterUnit unit = LoadParameters(goldenCase, device);
        using Optimizer optimizer = new(device.Stream, unit.Parameters, recipe, decays: _ => true);
        double worst = 0;
        for (int step = 0; step < rates.Length; step++)
        {
            LoadGradients(goldenCase, unit, step);
            optimizer.Update(step + 1, rates[step], gradientScale: 1);
            worst = Errors.Larger(worst, Worst(goldenCase, unit, $"{variant.Name}/{step}/", p => p.Master, "weights"));
        }

        report.Add($"{variant.Name} weights", worst, 1, $"{rates.Length} steps, share of the tolerance");
        report.Add($"{variant.Name} exp_avg", Worst(goldenCase, unit, $"{variant.Name}/exp_avg/", p => p.FirstMoment, "exp_avg"), 1, "share of the tolerance");
        report.Add($"{variant.Name} exp_avg_sq", Worst(goldenCase, unit, $"{variant.Name}/exp_avg_sq/", p => p.SecondMoment, "exp_avg_sq"), 1, "share of the tolerance");
    }

    private static void CheckClipping(GoldenCase goldenCase, Device device, CheckReport report)
    {
        double tolerance = goldenCase.Number("tolerance", "clip", "rtol")!.Value;
        using ParameterUnit unit = LoadParameters(goldenCase, device);
        foreach (JsonProperty entry in goldenCase.Manifest.GetProperty("clip_grad_norm").GetProperty("total_norm_before").EnumerateObject())
        {
            string[] parts = entry.Name.Split('/');
            int step = int.Parse(parts[0], CultureInfo.InvariantCulture);
            double limit = double.Parse(parts[1], CultureInfo.InvariantCulture);
            LoadGradients(goldenCase, unit, step);
            using Optimizer optimizer = new(device.Stream, unit.Parameters, new TrainingRecipe { ClipNorm = limit }, decays: _ => true);
            double norm = optimizer.GradientNorm();
            report.Add($"norm {entry.Name}", Errors.Relative(norm, entry.Value.GetDouble()), tolerance);
            string prefix = $"clip{parts[1]}/{step}/";
            double factor = optimizer.ClipFactor(norm);
            double worst = 0;
            bool found = false;
            foreach (Parameter parameter in unit.Parameters.Where(p => goldenCase.Outputs.Find(prefix + p.Name) is not null))
            {
                found = true;
                double[] clipped = [.. DeviceNumbers.Read(unit.Stream, parameter.Gradient).Select(g => g * factor)];
                worst = Errors.Larger(worst, Errors.ShareOfTolerance(clipped, GoldenCase.Values(goldenCase.Outputs.Get(prefix + parameter.Name)), 0, tolerance));
            }

            if (found)
            {
                report.Add($"gradients {prefix}", worst, 1, "share of the tolerance");
            }
        }
    }

    private static void CheckSchedules(GoldenCase goldenCase, CheckReport report)
    {
        JsonElement schedules = goldenCase.Manifest.GetProperty("schedules");
        int warmup = schedules.GetProperty("num_warmup_steps").GetInt32();
        int steps = schedules.GetProperty("num_training_steps").GetInt32();
        double tolerance = goldenCase.Number("tolerance", "lr_factor", "rtol")!.Value;
        foreach (JsonProperty entry in schedules.GetProperty("lr_factor_at_optimizer_step").EnumerateObject())
        {
            LearningRate? schedule = entry.Name switch
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
                report.AddAbsent($"schedule {entry.Name}", "unknown to this version");
                continue;
            }

            double worst = 0;
            int step = 0;
            foreach (JsonElement factor in entry.Value.EnumerateArray())
            {
                double expected = factor.GetDouble();
                double error = Math.Abs(schedule.At(step++) - expected);
                worst = Errors.Larger(worst, error / Math.Max(1, Math.Abs(expected)));
            }

            report.Add($"schedule {entry.Name}", worst, tolerance, $"{step} steps");
        }
    }

    private static ParameterUnit LoadParameters(GoldenCase goldenCase, Device device)
    {
        ParameterUnit unit = new("golden", Precision.Fp32);
        StoredTensor[] stored = [.. goldenCase.Inputs.Tensors.Where(t => !t.Name.StartsWith("grad.", StringComparison.Ordinal))];
        foreach (StoredTensor tensor in stored)
        {
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

    private static void LoadGradients(GoldenCase goldenCase, ParameterUnit unit, int step)
    {
        foreach (Parameter parameter in unit.Parameters)
        {
            goldenCase.Inputs.Get($"grad.{step}/{parameter.Name}").Read(unit.Stream, parameter.Gradient);
        }
    }

    private static double Worst(GoldenCase goldenCase, ParameterUnit unit, string prefix, Func<Parameter, Tensor> tensorOf, string tolerance)
    {
        double relative = goldenCase.Number("tolerance", tolerance, "rtol")!.Value;
        double absolute = goldenCase.Number("tolerance", tolerance, "atol") ?? 0;
        double worst = 0;
        foreach (Parameter parameter in unit.Parameters)
        {
            double[] expected = GoldenCase.Values(goldenCase.Outputs.Get(prefix + parameter.Name));
            worst = Errors.Larger(worst, Errors.ShareOfTolerance(DeviceNumbers.Read(unit.Stream, tensorOf(parameter)), expected, absolute, relative));
        }

        return worst;
    }
}
