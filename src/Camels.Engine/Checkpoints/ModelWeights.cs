using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Kernels;

namespace Camels.Engine.Checkpoints;

/// <summary>Moves weights between a model in memory and model folders.</summary>
public static class ModelWeights
{
    /// <summary>
    /// Opens a folder and loads it as a model of <paramref name="precision"/>: a model, or an adapter, which names its base.
    /// </summary>
    public static ILanguageModel Open(string folder, Precision precision, Device device)
    {
        if (!AdapterFolder.IsAdapter(folder))
        {
            return Open(folder, adapterFolder: null, precision, device);
        }

        using AdapterFolder adapter = AdapterFolder.Open(folder);
        return Open(adapter.RequireBase(), folder, precision, device);
    }

    /// <summary>Opens a model with an adapter over it, or without where <paramref name="adapterFolder"/> is null.</summary>
    public static ILanguageModel Open(string folder, string? adapterFolder, Precision precision, Device device)
    {
        using HuggingFaceFolder files = HuggingFaceFolder.Open(folder);
        using AdapterFolder? adapter = adapterFolder is null ? null : AdapterFolder.Open(adapterFolder);
        ILanguageModel model = ModelCatalog.Create(files.Config with { Adapter = adapter?.Settings }, precision, device);
        try
        {
            Load(model, files.Weights);
            adapter?.Load(model);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Fills all weights and, where they are kept apart, masters: each is rounded once from what the file holds.</summary>
    /// <param name="model">The model; its adapters stay as they are.</param>
    /// <param name="files">Its tensors, of a 4-bit checkpoint too where the model keeps them so.</param>
    public static void Load(ILanguageModel model, TensorFiles files)
    {
        foreach ((DeviceStream stream, Parameter parameter) in Stored(model))
        {
            StoredTensor stored = HuggingFaceFolder.Find(files, parameter.Name, model.Config.Family) ?? files.Get(parameter.Name);
            if (parameter.IsQuantized)
            {
                QuantizedTensors.Load(stream, parameter, stored, files);
                continue;
            }

            stored.RequireShape([.. parameter.Extents]);
            stored.Read(stream, parameter.Weight);
            if (parameter.Master.DType != parameter.Weight.DType)
            {
                stored.Read(stream, parameter.Master);
            }
        }
    }

    /// <summary>What a run has made of a model, as it is written: its adapters where it has some, else its weights.</summary>
    public static ModelToWrite ToWrite(ILanguageModel model, string? companionFolder) => model.Config.Adapter is null
        ? BaseToWrite(model, companionFolder)
        : AdapterFolder.ToWrite(model, companionFolder);

    /// <summary>The weights without adapters as they are written into a model folder, in their compute type.</summary>
    public static ModelToWrite BaseToWrite(ILanguageModel model, string? companionFolder) => new()
    {
        Config = model.Config with { StoredAs = model.Precision.Compute },
        Tensors =
        [
            .. Stored(model).Select(p => p.Parameter.IsQuantized
                ? QuantizedTensors.ToWrite(p.Stream, p.Parameter, model.Precision.Compute)
                : TensorToWrite.FromTensor(p.Stream, p.Parameter.Name, p.Parameter.Weight, model.Precision.Compute)),
        ],
        CompanionFolder = companionFolder,
    };

    private static IEnumerable<(DeviceStream Stream, Parameter Parameter)> Stored(ILanguageModel model) =>
        model.Units.SelectMany(u => u.Parameters.Select(p => (u.Stream, Parameter: p))).Where(p => p.Parameter.TiedTo is null && !p.Parameter.IsAdapter);
}
