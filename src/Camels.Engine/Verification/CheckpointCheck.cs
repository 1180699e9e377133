using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using Camels.Engine.Checkpoints;
using Camels.Engine.Models;
using Camels.Engine.Tokenizers;
using Camels.Kernels;

namespace Camels.Engine.Verification;

/// <summary>
/// Integrity of a model folder or of a checkpoint: every file as the manifest lists it, every tensor of the config there in its shape, all
/// numbers finite, no weight empty, and a tokenizer whose ids the model has.
/// </summary>
public static class CheckpointCheck
{
    private const int ChunkElements = 1 << 16;

    /// <summary>Checks a folder; a fault is a line that failed, and the next thing is checked.</summary>
    /// <param name="folder">A model folder, a checkpoint with its manifest, or a run folder's model.</param>
    /// <exception cref="CamelsException">The folder has no readable config or no readable weights at all: exit code 3.</exception>
    public static CheckReport Run(string folder)
    {
        CheckReport report = new();
        if (File.Exists(Path.Combine(folder, ModelConfigFile.Name)) || AdapterFolder.IsAdapter(folder))
        {
            CheckModel(report, folder);
            return report;
        }

        if (!File.Exists(Path.Combine(folder, CheckpointManifest.Name)))
        {
            throw CamelsException.BadInput($"{folder} is neither a model folder, with {ModelConfigFile.Name}, nor a checkpoint, with {CheckpointManifest.Name}");
        }

        CheckpointManifest manifest = CheckpointManifest.Read(folder);
        foreach (WrittenFile file in manifest.Files)
        {
            string? problem = CheckpointManifest.Problem(folder, file);
            Add(report, file.Path, problem is null, problem ?? string.Create(CultureInfo.InvariantCulture, $"{file.Bytes} bytes, sha256 {file.Sha256[..12]}"));
        }

        if (report.Failed == 0)
        {
            CheckState(report, folder, manifest);
        }

        CheckModel(report, Path.Combine(folder, CheckpointFolders.ModelName));
        return report;
    }

    private static void CheckState(CheckReport report, string folder, CheckpointManifest manifest)
    {
        using TensorFiles state = TensorFiles.Open(folder, manifest.StatePaths(folder));
        foreach (StoredTensor tensor in state.Tensors.Where(tensor => tensor.Type.IsFloat()))
        {
            (long nonFinite, _) = Count(tensor);
            report.Add(tensor.Name, nonFinite, tolerance: 0, nonFinite == 0 ? Describe(tensor) : $"{nonFinite} values are not finite");
        }
    }

    private static void CheckModel(CheckReport report, string folder)
    {
        if (AdapterFolder.IsAdapter(folder))
        {
            CheckAdapter(report, folder);
            return;
        }

        ModelConfig config = ModelConfigFile.Read(Path.Combine(folder, ModelConfigFile.Name));
        using TensorFiles weights = TensorFiles.OpenModel(folder);
        HashSet<string> known = new(StringComparer.Ordinal);
        foreach ((string name, int[] shape) in config.Tensors())
        {
            StoredTensor? stored = HuggingFaceFolder.Find(weights, name, config.Family);
            known.Add(stored?.Name ?? name);
            CheckWeight(report, name, stored, shape);
        }

        foreach (StoredTensor extra in weights.Tensors.Where(tensor => !known.Contains(tensor.Name)))
        {
            if (ModelCatalog.IgnoresTensor(extra.Name, config))
            {
                report.AddAbsent(extra.Name, "not used: it follows from the config");
            }
            else
            {
                Add(report, extra.Name, holds: false, "the model of this config has no such tensor");
            }
        }

        CheckTokenizer(report, folder, config);
    }

    // A matrix B of zeros is a new adapter.
    private static void CheckAdapter(CheckReport report, string folder)
    {
        using AdapterFolder adapter = AdapterFolder.Open(folder);
        foreach (StoredTensor tensor in adapter.Tensors)
        {
            (long nonFinite, _) = Count(tensor);
            Add(report, tensor.Name, nonFinite == 0, nonFinite == 0 ? Describe(tensor) : $"{nonFinite} values are not finite");
        }
    }

    private static void CheckWeight(CheckReport report, string name, StoredTensor? tensor, int[] shape)
    {
        if (tensor is null)
        {
            Add(report, name, holds: false, "missing");
        }
        else if (!tensor.Type.IsFloat() || !tensor.Shape.SequenceEqual(shape.Select(size => (long)size)))
        {
            Add(report, name, holds: false, $"{Describe(tensor)}, expected real numbers ({string.Join(", ", shape)})");
        }
        else
        {
            (long nonFinite, long nonZero) = Count(tensor);
            bool isWritten = nonZero > 0 || name.EndsWith(".bias", StringComparison.Ordinal);    // biases begin as zeros
            string note = nonFinite > 0 ? $"{nonFinite} values are not finite" : isWritten ? Describe(tensor) : "all zero: never written";
            Add(report, name, nonFinite == 0 && isWritten, note);
        }
    }

    private static void CheckTokenizer(CheckReport report, string folder, ModelConfig config)
    {
        const string Name = "tokenizer";
        if (TokenizerFiles.Paths(folder).Count == 0)
        {
            report.AddAbsent(Name, "no tokenizer files in the folder");
            return;
        }

        try
        {
            ITokenizer tokenizer = TokenizerFiles.Load(folder);
            Add(report, Name, tokenizer.VocabularySize <= config.VocabularySize, $"{tokenizer.VocabularySize} ids, the model has {config.VocabularySize}");
        }
        catch (CamelsException problem)
        {
            Add(report, Name, holds: false, problem.Message);
        }
    }

    private static void Add(CheckReport report, string name, bool holds, string note) => report.Add(name, holds ? 0 : 1, tolerance: 0, note);

    private static string Describe(StoredTensor tensor) => $"{tensor.Type} ({string.Join(", ", tensor.Shape)})";

    // A double beyond the range of a single counts as not finite: no device computes with it.
    private static (long NonFinite, long NonZero) Count(StoredTensor tensor)
    {
        float[] chunk = new float[ChunkElements];
        long nonFinite = 0;
        long nonZero = 0;
        for (long first = 0; first < tensor.ElementCount; first += ChunkElements)
        {
            int count = (int)Math.Min(ChunkElements, tensor.ElementCount - first);
            chunk.AsSpan(count).Clear();
            tensor.Read(DType.F32, MemoryMarshal.AsBytes(chunk.AsSpan(0, count)), first);
            Vector<int> special = Vector<int>.Zero;
            Vector<int> zero = Vector<int>.Zero;
            foreach (Vector<float> values in MemoryMarshal.Cast<float, Vector<float>>(chunk))
            {
                Vector<int> magnitude = Vector.AsVectorInt32(Vector.Abs(values));
                special += Vector.GreaterThanOrEqual(magnitude, new Vector<int>(0x7F80_0000));
                zero += Vector.Equals(magnitude, Vector<int>.Zero);
            }

            // Comparisons give -1 where they hold.
            nonFinite -= Vector.Sum(special);
            nonZero += ChunkElements + Vector.Sum(zero);
        }

        return (nonFinite, nonZero);
    }
}
