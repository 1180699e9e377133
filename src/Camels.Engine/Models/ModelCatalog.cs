using Camels.Engine.Parameters;
using Camels.Kernels;

namespace Camels.Engine.Models;

/// <summary>One line per family.</summary>
public static class ModelCatalog
{
    /// <summary>A model of the config's family with zeroed weights.</summary>
    public static ILanguageModel Create(ModelConfig config, Precision precision, Device device) => config.Family switch
    {
        ModelFamily.Llama => new LlamaModel(config, precision, device),
        _ => throw CamelsException.BadInput($"no engine for the family {config.Family}"),
    };

    /// <summary>
    /// Random weights: standard deviation 1 / sqrt(inputs), and for the two projections that end a block's residual branches also
    /// 1 / sqrt(2 · blocks), so that the residual stream keeps its size (Radford et al. 2019).
    /// </summary>
    public static void Randomize(ILanguageModel model, DeviceStream stream, ulong seed)
    {
        foreach (Parameter parameter in model.Units.SelectMany(u => u.Parameters).Where(p => p.TiedTo is null))
        {
            double deviation = 1 / Math.Sqrt(parameter.Extents[^1]);
            if (parameter.Name.EndsWith("o_proj.weight", StringComparison.Ordinal)
                || parameter.Name.EndsWith("down_proj.weight", StringComparison.Ordinal))
            {
                deviation /= Math.Sqrt(2.0 * model.Config.BlockCount);
            }

            Initializer.Fill(stream, parameter, seed, deviation);
        }
    }
}
