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
        bool isQuantized = goldenCase.Manifest.Flag("quantised_base", missing: false);
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
        string batch = goldenCase.BatchName(goldenCase.Manifest, "grads_batch");
        double tolerance = goldenCase.Tolerance("grads", "rel_to_max_per_tensor");
        using (TrainingCheck.GoldenRun run = new(goldenCase, open, device, new TrainingRecipe(), [batch], decays: null))
        {
            _ = run.Trainer.Accumulate(step: 0, out _, out _);
            TrainingCheck.CompareGradients(
                new TrainingCheck.Noise(goldenCase), report, goldenCase.OpenFile("grads.safetensors"), run.Trainer, tolerance, Prefix);
            double expected = GoldenCase.Scalar(goldenCase.Outputs.Get($"{batch}.grad_norm"));
            report.Add($"{batch}.grad_norm", Errors.Relative(run.Trainer.Optimizer.GradientNorm(), expected), tolerance);
        }

        JsonFields train = goldenCase.Manifest.RequiredObject("train");
        TrainingRecipe recipe = TrainingCheck.RecipeOf(train) with { WeightDecay = train.RequiredNumber("weight_decay"), ClipNorm = 0 };
        IReadOnlyList<JsonFields> steps = TrainingCheck.StepsOf(train);
        string[] batches = [.. steps.Select(step => goldenCase.BatchName(step, "batch"))];
        using TrainingCheck.GoldenRun trained = new(goldenCase, open, device, recipe, batches, decays: null);
        TrainingCheck.CheckSteps(goldenCase, report, "train_wd0", trained.Trainer, steps, 2 * goldenCase.Tolerance("loss", "rel"));
        TrainingCheck.CompareWeights(goldenCase, report, "train_wd0", goldenCase.OpenFile("train_wd0.safetensors"), trained.Trainer, Prefix);
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
            StoredTensor merged = HuggingFaceFolder.Find(files.Weights, expected.Name[WeightPrefix.Length..], files.Config.Family)
                ?? throw GoldenCase.Refused(expected, "is of no weight of the model");
            double[] wanted = GoldenCase.Values(expected, [.. merged.Shape.Select(size => (int)size)]);
            double error = Errors.RelativeToMaximum(GoldenCase.Values(merged), wanted);
            report.Add(expected.Name, error, goldenCase.Tolerance("merged_weight", "rel_to_max"), $"{wanted.Length} values");
        }

        ILanguageModel Open(Precision precision)
        {
            ILanguageModel model = ModelCatalog.Create(files.Config, precision, device);
            ModelWeights.Load(model, files.Weights);
            return model;
        }

        using ForwardCheck forward = new(goldenCase, Open, Precision.Fp32, device, report);
        forward.CompareLogits(
            "merged.full.logits", "merged.full.logits", "full.", forward.Forward(forward.Rows("full.")).Logits, goldenCase.Tolerance("logits", "rel_to_max"));
    }
}
