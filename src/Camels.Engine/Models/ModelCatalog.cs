using Camels.Engine.Parameters;
using Camels.Kernels;

namespace Camels.Engine.Models;

/// <summary>One line per family.</summary>
public static class ModelCatalog
{
    /// <summary>What the names of the projections end with that end a residual branch.</summary>
    private static readonly string[] _branchEnds =
        ["o_proj.weight", "down_proj.weight", "out_proj.weight", "fc2.weight", "attention.dense.weight", "dense_4h_to_h.weight"];

    /// <summary>A model of the config's family with zeroed weights.</summary>
    public static ILanguageModel Create(ModelConfig config, Precision precision, Device device) => config.Family switch
    {
        ModelFamily.Llama or ModelFamily.Mistral or ModelFamily.Qwen2 => LlamaModel.Create(config, precision, device),
        ModelFamily.Opt => OptModel.Create(config, precision, device),
        ModelFamily.GptNeoX => GptNeoXModel.Create(config, precision, device),
        _ => throw new ArgumentOutOfRangeException(nameof(config), config.Family, "unknown family"),
    };

    /// <summary>True for a tensor that checkpoints of the config's family carry and that decides nothing: it is derived from the config.</summary>
    public static bool IgnoresTensor(string name, ModelConfig config) => config.Family switch
    {
        ModelFamily.Opt => OptModel.IgnoresTensor(name, config),
        ModelFamily.GptNeoX => GptNeoXModel.IgnoresTensor(name, config),
        _ => LlamaModel.IgnoresTensor(name, config),
    };

    /// <summary>The other name under which published checkpoints of a family hold a weight; the same where there is none.</summary>
    public static string PublishedName(string name, ModelFamily family) => family == ModelFamily.Opt ? OptModel.PublishedName(name) : name;

    /// <summary>Names and shapes of the weights, a tied head and adapters not among them: what the model itself declares.</summary>
    public static IReadOnlyList<(string Name, int[] Shape)> TensorsOf(ModelConfig config)
    {
        using Device planning = Device.OpenPlanning();
        using ILanguageModel model = Create(config with { Adapter = null, Trained = null }, Precision.Fp32, planning);
        return [.. model.Units.SelectMany(u => u.Parameters).Where(p => p.TiedTo is null).Select(p => (p.Name, (int[])[.. p.Extents]))];
    }

    /// <summary>
    /// Random weights: standard deviation 1 / sqrt(inputs), and for the two projections that end a block's residual branches also
    /// 1 / sqrt(2 · blocks), so that the residual stream keeps its size (Radford et al. 2019). Biases are zero, weights of norms one.
    /// </summary>
    public static void Randomize(ILanguageModel model, DeviceStream stream, ulong seed)
    {
        foreach (Parameter parameter in model.Units.SelectMany(u => u.Parameters).Where(p => p.TiedTo is null))
        {
            if (parameter.IsAdapter)
            {
                continue;
            }

            if (parameter.IsQuantized)
            {
                throw CamelsException.Usage("a base in NF4 is read from a checkpoint, not drawn at random");
            }

            if (parameter.Name.EndsWith(".bias", StringComparison.Ordinal))
            {
                HostTransfer.Zero(stream, parameter.Weight);
                continue;
            }

            double deviation = 1 / Math.Sqrt(parameter.Extents[^1]);
            if (_branchEnds.Any(end => parameter.Name.EndsWith(end, StringComparison.Ordinal)))
            {
                deviation /= Math.Sqrt(2.0 * model.Config.BlockCount);
            }

            Initializer.Fill(stream, parameter, seed, deviation);
        }
    }
}
