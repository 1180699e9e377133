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
        foreach ((DeviceStream stream, Parameter parameter) in Stored(model))
        {
            StoredTensor stored = files.Weight(parameter.Name);
            stored.Read(stream, parameter.Weight);
            if (parameter.Master.DType != parameter.Weight.DType)
            {
                stored.Read(stream, parameter.Master);
            }
        }
    }

    /// <summary>The weights as they are written into a model folder, in their compute type.</summary>
    public static ModelToWrite ToWrite(ILanguageModel model, string? companionFolder) => new()
    {
        Config = model.Config with { StoredAs = model.Precision.Compute },
        Tensors = [.. Stored(model).Select(p => TensorToWrite.FromTensor(p.Stream, p.Parameter.Name, p.Parameter.Weight, model.Precision.Compute))],
        CompanionFolder = companionFolder,
    };

    private static IEnumerable<(DeviceStream Stream, Parameter Parameter)> Stored(ILanguageModel model) =>
        model.Units.SelectMany(u => u.Parameters.Select(p => (u.Stream, Parameter: p))).Where(p => p.Parameter.TiedTo is null);
}
