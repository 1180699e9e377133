using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Kernels;

namespace Camels.Engine.Checkpoints;

/// <summary>Moves weights between a model in memory and model folders.</summary>
public static class ModelWeights
{
    /// <summary>Opens a folder and loads it as a model of <paramref name="precision"/>.</summary>
    public static ILanguageModel Open(string folder, Precision precision, Device device)
    {
        using HuggingFaceFolder files = HuggingFaceFolder.Open(folder);
        ILanguageModel model = ModelCatalog.Create(files.Config, precision, device);
        Load(model, files);
        return model;
    }

    /// <summary>Fills all weights and, where they are kept apart, masters: each is rounded once from what the file holds.</summary>
    public static void Load(ILanguageModel model, HuggingFaceFolder files)
    {
        foreach (Parameter parameter in Stored(model))
        {
            StoredTensor stored = files.Weights.Get(parameter.Name);
            stored.Read(parameter.Weight.DType, parameter.Weight.Address);
            if (parameter.Master.DType != parameter.Weight.DType)
            {
                stored.Read(parameter.Master.DType, parameter.Master.Address);
            }
        }
    }

    /// <summary>The weights as they are written into a model folder, in their compute type.</summary>
    public static ModelToWrite ToWrite(ILanguageModel model, string? companionFolder) => new()
    {
        Config = model.Config with { StoredAs = model.Precision.Compute },
        Tensors = [.. Stored(model).Select(p => ToWrite(p.Name, p.Weight, model.Precision.Compute))],
        CompanionFolder = companionFolder,
    };

    /// <summary>A tensor of the model as it is written, named <paramref name="name"/>.</summary>
    public static TensorToWrite ToWrite(string name, Tensor tensor, DType storedAs)
    {
        Span<int> shape = stackalloc int[tensor.Shape.Rank];
        for (int i = 0; i < shape.Length; i++)
        {
            shape[i] = tensor.Shape[i];
        }

        return TensorToWrite.FromMemory(name, shape, tensor.DType, tensor.Address, storedAs);
    }

    private static IEnumerable<Parameter> Stored(ILanguageModel model) =>
        model.Units.SelectMany(u => u.Parameters).Where(p => p.TiedTo is null);
}
