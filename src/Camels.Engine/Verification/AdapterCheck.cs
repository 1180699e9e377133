using System.Text.Json;
using Camels.Engine.Checkpoints;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Training;
using Camels.Kernels;

namespace Camels.Engine.Verification;

/// <summary>An adapter over its base, which may be in NF4: outputs, gradients and trained matrices, and the merged model's.</summary>
internal static class AdapterCheck
{
    private const string Prefix = "base_model.model.";
    private const string QuantizedName = "model.nf4.safetensors";

    public static void Run(GoldenCase goldenCase, HuggingFaceFolder files, Device device, CheckReport report)
    {
        using AdapterFolder adapter = AdapterFolder.Open(goldenCase.Folder);
        bool isQuantized = goldenCase.Manifest.TryGetProperty("quantised_base", out JsonElement flag) && flag.ValueKind == JsonValueKind.True;
        TensorFiles weights = isQuantized ? goldenCase.OpenFile(QuantizedName) : files.Weights;
        ILanguageModel Open(Precision precision)
        {
            ModelConfig config = files.Config with { Dropout = default, Adapter = adapter.Settings with { QuantizedBase = isQuantized } };
            ILanguageModel model = ModelCatalog.Create(config, precision, device);
            ModelWeights.Load(model, weights);
            adapter.Load(model);
            return model;
        }

        using (ForwardCheck forward = new(goldenCase, Open, Precision.Fp32, device, report))
        {
            forward.CheckBatches();
        }

        CheckTraining(goldenCase, Open, device, report);
        CheckMerged(goldenCase, files.Config, Open, adapter, device, report);
    }

    private static void CheckTraining(GoldenCase goldenCase, Func<Precision, ILanguageModel> open, Device device, CheckReport report)
    {
        string batch = goldenCase.Manifest.GetProperty("grads_batch").GetString()!;
        double tolerance = TrainingCheck.Tolerance(goldenCase, "grads", "rel_to_max_per_tensor");
        using (TrainingCheck.GoldenRun run = new(goldenCase, open, device, new TrainingRecipe(), [batch], decays: null))
        {
            _ = run.Trainer.Accumulate(step: 0, out _, out _);
            TrainingCheck.CompareGradients(
                new TrainingCheck.Noise(goldenCase), report, goldenCase.OpenFile("grads.safetensors"), run.Trainer, tolerance, Prefix);
            double expected = GoldenCase.Values(goldenCase.Outputs.Get($"{batch}.grad_norm"))[0];
            report.Add($"{batch}.grad_norm", Errors.Relative(run.Trainer.Optimizer.GradientNorm(), expected), tolerance);
        }

        JsonElement train = goldenCase.Manifest.GetProperty("train");
        TrainingRecipe recipe = TrainingCheck.RecipeOf(train) with { WeightDecay = train.GetProperty("weight_decay").GetDouble(), ClipNorm = 0 };
        string[] batches = [.. train.GetProperty("steps").EnumerateArray().Select(s => s.GetProperty("batch").GetString()!)];
        using TrainingCheck.GoldenRun steps = new(goldenCase, open, device, recipe, batches, decays: null);
        TrainingCheck.CheckSteps(goldenCase, report, "train_wd0", steps.Trainer, train.GetProperty("steps"), 2 * TrainingCheck.Tolerance(goldenCase, "loss", "rel"));
        TrainingCheck.CompareWeights(goldenCase, report, "train_wd0", goldenCase.OpenFile("train_wd0.safetensors"), steps.Trainer, Prefix);
    }

    // The base's weights as the model holds them, NF4 expanded, with the products added; then a model without adapters computes with them.
    private static void CheckMerged(
        GoldenCase goldenCase, ModelConfig config, Func<Precision, ILanguageModel> open, AdapterFolder adapter, Device device, CheckReport report)
    {
        string folder = Path.Combine(Path.GetTempPath(), $"camels-merge-{Guid.NewGuid():N}");
        try
        {
            using (ILanguageModel model = open(Precision.Fp32))
            {
                HuggingFaceFolder.Export(folder, ModelWeights.BaseToWrite(model, companionFolder: null), replace: false);
            }

            using HuggingFaceFolder plain = HuggingFaceFolder.Open(folder);
            string merged = Path.Combine(folder, "merged");
            HuggingFaceFolder.Export(
                merged, new ModelToWrite { Config = config with { StoredAs = DType.F32 }, Tensors = AdapterMerge.Tensors(plain, adapter, DType.F32) }, replace: false);
            using HuggingFaceFolder files = HuggingFaceFolder.Open(merged);
            CompareMerged(goldenCase, files, device, report);
        }
        finally
        {
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }

    private static void CompareMerged(GoldenCase goldenCase, HuggingFaceFolder files, Device device, CheckReport report)
    {
        const string WeightPrefix = "merged_weight/";
        foreach (StoredTensor expected in goldenCase.Outputs.Tensors.Where(t => t.Name.StartsWith(WeightPrefix, StringComparison.Ordinal)))
        {
            double[] actual = GoldenCase.Values(files.Weight(expected.Name[WeightPrefix.Length..]));
            double error = Errors.RelativeToMaximum(actual, GoldenCase.Values(expected));
            report.Add(expected.Name, error, TrainingCheck.Tolerance(goldenCase, "merged_weight", "rel_to_max"), $"{actual.Length} values");
        }

        ILanguageModel Open(Precision precision)
        {
            ILanguageModel model = ModelCatalog.Create(files.Config, precision, device);
            ModelWeights.Load(model, files.Weights);
            return model;
        }

        using ForwardCheck forward = new(goldenCase, Open, Precision.Fp32, device, report);
        forward.CompareLogits(
            "merged.full.logits", "merged.full.logits", "full.", forward.Forward(goldenCase.Rows("full.")).Logits, forward.Tolerance("logits", "rel_to_max"));
    }
}
