using Camels.Engine.Checkpoints;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Kernels;

namespace Camels.Engine.Verification;

/// <summary>
/// Compares this engine with the numbers that the reference implementation gave for a golden case: logits, losses, hidden states, gradients,
/// trained weights, greedy sequences. Every entry of the case is checked; what it lacks is listed as absent.
/// </summary>
public static class ModelCheck
{
    /// <summary>Runs every check of a case.</summary>
    /// <param name="golden">The folder of the case.</param>
    /// <param name="model">The model folder, or null: the case's own, else its parent, else that of the base case it names.</param>
    /// <param name="device">Where to compute.</param>
    public static CheckReport Run(string golden, string? model, Device device)
    {
        using GoldenCase goldenCase = GoldenCase.Open(golden);
        CheckReport report = new();
        bool isOptimizer = !goldenCase.Manifest.IsMissing("clip_grad_norm");
        if (isOptimizer || goldenCase.Manifest.Text("case") == "nf4")
        {
            if (model is not null)
            {
                throw CamelsException.Usage($"--model {model}: {golden} is a case of {(isOptimizer ? "an optimizer" : "number formats")}, which has no model; leave --model out");
            }

            Action<GoldenCase, Device, CheckReport> run = isOptimizer ? AdamWCheck.Run : Nf4Check.Run;
            run(goldenCase, device, report);
            return report;
        }

        string folder = model ?? FindModel(goldenCase);
        using (HuggingFaceFolder files = HuggingFaceFolder.Open(folder))
        {
            if (AdapterFolder.IsAdapter(golden))
            {
                AdapterCheck.Run(goldenCase, files, device, report);
                return report;
            }

            ILanguageModel Open(Precision precision)
            {
                ILanguageModel opened = ModelCatalog.Create(files.Config with { Dropout = default }, precision, device);     // as the reference's numbers
                ModelWeights.Load(opened, files.Weights);
                return opened;
            }

            using ForwardCheck forward = new(goldenCase, Open, Precision.Fp32, device, report);
            forward.CheckBatches();
            GenerationCheck.Run(goldenCase, forward, device, report);
            TrainingCheck.Run(goldenCase, Open, device, report);
            forward.CheckNarrow(Open);
        }

        return report;
    }

    private static string FindModel(GoldenCase goldenCase)
    {
        string parent = Path.GetDirectoryName(Path.GetFullPath(Path.TrimEndingDirectorySeparator(goldenCase.Folder)))!;
        List<string> candidates = [goldenCase.Folder, parent];
        if (goldenCase.Manifest.Text("base_case") is string name)
        {
            candidates.Add(Path.Combine(parent, name));
        }

        return candidates.Find(c => File.Exists(Path.Combine(c, Models.ModelConfigFile.Name)))
            ?? throw CamelsException.BadInput($"no model for {goldenCase.Folder}: none of {string.Join(", ", candidates)} has a config.json; name one with --model");
    }
}
