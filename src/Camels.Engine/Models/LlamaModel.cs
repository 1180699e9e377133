using Camels.Engine.Layers;
using Camels.Engine.Parameters;
using Camels.Kernels;

namespace Camels.Engine.Models;

/// <summary>
/// LLaMA (Touvron et al. 2023) and the families that differ from it in sizes, biases and scaling of rotations: RMSNorm, rotary positions,
/// grouped queries, SwiGLU, tied or untied embeddings.
/// </summary>
public static class LlamaModel
{
    private const string Head = "lm_head.weight";

    /// <summary>A model with zeroed weights on <paramref name="device"/>.</summary>
    public static ILanguageModel Create(ModelConfig config, Precision precision, Device device)
    {
        RopeTable rope = new(device, precision, config.MaximumPositions, config.RopeFrequencies());
        ParameterUnit ends = new(config.TiedEmbeddings ? "embedding and head" : "embedding", precision);
        List<ParameterUnit> units = [ends];
        Parameter embedding = ends.Add("model.embed_tokens.weight", config.VocabularySize, config.HiddenSize);
        LlamaBlock[] blocks = new LlamaBlock[config.BlockCount];
        for (int l = 0; l < blocks.Length; l++)
        {
            units.Add(new ParameterUnit($"block {l}", precision) { Adapter = config.Adapter });
            blocks[l] = new LlamaBlock(config, units[^1], rope, l);
        }

        ParameterUnit last = config.TiedEmbeddings ? ends : new ParameterUnit("head", precision);
        if (last != ends)
        {
            units.Add(last);
        }

        RmsNormLayer norm = new(last.Add("model.norm.weight", config.HiddenSize), (float)config.NormEpsilon);
        Parameter head = config.TiedEmbeddings ? ends.AddTied(Head, embedding) : last.Add(Head, config.VocabularySize, config.HiddenSize);
        return new LanguageModel<LlamaBlock, LlamaBlock.Saved>(
            config, precision, device, units, new EmbeddingLayer(embedding), blocks, norm, projection: null, new HeadLayer(head), rope);
    }

    /// <summary>True for rotary frequencies, which old checkpoints carry, and for the copy of a tied embedding.</summary>
    public static bool IgnoresTensor(string name, ModelConfig config) =>
        name.EndsWith(".rotary_emb.inv_freq", StringComparison.Ordinal) || (config.TiedEmbeddings && name == Head);
}
