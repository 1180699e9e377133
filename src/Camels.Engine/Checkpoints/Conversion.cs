using Camels.Engine.Tokenizers;
using Camels.Kernels;

namespace Camels.Engine.Checkpoints;

/// <summary>Writes a model folder again in another element type or in files of another size.</summary>
public static class Conversion
{
    /// <summary>Converts a folder; the result is read back and compared before it appears.</summary>
    /// <param name="source">A model folder.</param>
    /// <param name="destination">The new one; must not be there, or be empty.</param>
    /// <param name="storedAs">The type of the weights: F32, F16 or BF16.</param>
    /// <param name="maximumFileBytes">The bytes of weights in one file.</param>
    /// <param name="adapterFolder">An adapter over it that is merged, or null.</param>
    /// <exception cref="CamelsException">The source is malformed (3), the destination is there (2) or cannot be written (5).</exception>
    public static void Convert(string source, string destination, DType storedAs, long maximumFileBytes, string? adapterFolder = null)
    {
        using HuggingFaceFolder model = HuggingFaceFolder.Open(source);
        using AdapterFolder? adapter = adapterFolder is null ? null : AdapterFolder.Open(adapterFolder);
        // What an adapter was trained with travels with it: its chat template, and what ends an answer.
        string companions = adapterFolder is not null && TokenizerFiles.AreIn(adapterFolder) ? adapterFolder : source;
        string ownGeneration = Path.Combine(companions, HuggingFaceFolder.GenerationConfigName);
        string baseGeneration = Path.Combine(source, HuggingFaceFolder.GenerationConfigName);
        ModelToWrite converted = new()
        {
            Config = model.Config with { StoredAs = storedAs },
            Tensors = adapter is not null
                ? AdapterMerge.Tensors(model, adapter, storedAs)
                : [.. model.Config.Tensors().Select(t => TensorToWrite.FromStored(model.Weight(t.Name), storedAs) with { Name = t.Name })],
            CompanionFolder = companions,
            OwnFiles = File.Exists(ownGeneration) || !File.Exists(baseGeneration)
                ? new Dictionary<string, byte[]>()
                : new Dictionary<string, byte[]> { [HuggingFaceFolder.GenerationConfigName] = File.ReadAllBytes(baseGeneration) },
            MaximumFileBytes = maximumFileBytes,
        };
        HuggingFaceFolder.Export(destination, converted, replace: false);
    }
}
