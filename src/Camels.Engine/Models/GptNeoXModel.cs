using Camels.Engine.Layers;
using Camels.Engine.Parameters;
using Camels.Kernels;

namespace Camels.Engine.Models;

/// <summary>
/// GPT-NeoX (Black et al. 2022) and Pythia (Biderman et al. 2023): LayerNorm, partly rotated heads, one product for queries, keys and values,
/// biases, GELU, both halves of a block beside each other or one after the other.
/// </summary>
public static class GptNeoXModel
{
    private const string Embedding = "gpt_neox.embed_in.weight";
    private const string Head = "embed_out.weight";

    /// <summary>A model with zeroed weights on <paramref name="device"/>.</summary>
    public static ILanguageModel Create(ModelConfig config, Precision precision, Device device)
    {
        RopeTable rope = new(device, precision, config.MaximumPositions, config.RopeFrequencies());
        ParameterUnit ends = new(config.TiedEmbeddings ? "embedding and head" : "embedding", precision);
        List<ParameterUnit> units = [ends];
        Parameter embedding = ends.Add(Embedding, config.VocabularySize, config.HiddenSize);
        GptNeoXBlock[] blocks = new GptNeoXBlock[config.BlockCount];
        for (int l = 0; l < blocks.Length; l++)
        {
            units.Add(new ParameterUnit($"block {l}", precision) { Adapter = config.Adapter });
            blocks[l] = new GptNeoXBlock(config, units[^1], rope, l);
        }

        ParameterUnit last = config.TiedEmbeddings ? ends : new ParameterUnit("head", precision);
        if (last != ends)
        {
            units.Add(last);
        }

        LayerNormLayer norm = LayerNormLayer.Declare(last, "gpt_neox.final_layer_norm", config.HiddenSize, config.NormEpsilon);
        Parameter head = config.TiedEmbeddings ? ends.AddTied(Head, embedding) : last.Add(Head, config.VocabularySize, config.HiddenSize);
        DropoutLayer dropout = new(Embedding + ".dropout", config.Dropout.Hidden);
        return new LanguageModel<GptNeoXBlock, GptNeoXBlock.Saved>(
            config, precision, device, units, new EmbeddingLayer(embedding, dropout: dropout), blocks, norm, projection: null, new HeadLayer(head),
            rope);
    }

    /// <summary>True for masks and rotary frequencies, which checkpoints carry, and for the copy of a tied embedding.</summary>
    public static bool IgnoresTensor(string name, ModelConfig config) =>
        name.EndsWith(".attention.bias", StringComparison.Ordinal)
        || name.EndsWith(".attention.masked_bias", StringComparison.Ordinal)
        || name.EndsWith(".attention.rotary_emb.inv_freq", StringComparison.Ordinal)
        || (config.TiedEmbeddings && name == Head);
}
