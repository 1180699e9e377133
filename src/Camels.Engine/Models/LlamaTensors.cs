namespace Camels.Engine.Models;

/// <summary>The names and shapes of a LLaMA's weights, as transformers stores them. A matrix is (outputs, inputs).</summary>
public static class LlamaTensors
{
    /// <summary>The embedding (V, C).</summary>
    public const string Embedding = "model.embed_tokens.weight";

    /// <summary>The weight of the last norm (C).</summary>
    public const string FinalNorm = "model.norm.weight";

    /// <summary>The head (V, C); absent where embeddings are tied.</summary>
    public const string Head = "lm_head.weight";

    /// <summary>What the names of block <paramref name="block"/> start with.</summary>
    public static string BlockPrefix(int block) => FormattableString.Invariant($"model.layers.{block}.");

    /// <summary>Every weight, in the order of the forward pass.</summary>
    public static IReadOnlyList<(string Name, int[] Shape)> Of(ModelConfig config)
    {
        List<(string, int[])> tensors = [(Embedding, [config.VocabularySize, config.HiddenSize])];
        for (int block = 0; block < config.BlockCount; block++)
        {
            AddBlock(tensors, BlockPrefix(block), config);
        }

        tensors.Add((FinalNorm, [config.HiddenSize]));
        if (!config.TiedEmbeddings)
        {
            tensors.Add((Head, [config.VocabularySize, config.HiddenSize]));
        }

        return tensors;
    }

    /// <summary>True for rotary frequencies, which old checkpoints carry, and for the copy of a tied embedding.</summary>
    public static bool IsIgnored(string name, ModelConfig config) =>
        name.EndsWith(".rotary_emb.inv_freq", StringComparison.Ordinal) || (config.TiedEmbeddings && name == Head);

    private static void AddBlock(List<(string, int[])> tensors, string prefix, ModelConfig config)
    {
        int channels = config.HiddenSize;
        int queries = config.HeadCount * config.HeadSize;
        int keys = config.KeyValueHeadCount * config.HeadSize;
        tensors.Add((prefix + "input_layernorm.weight", [channels]));
        tensors.Add((prefix + "self_attn.q_proj.weight", [queries, channels]));
        tensors.Add((prefix + "self_attn.k_proj.weight", [keys, channels]));
        tensors.Add((prefix + "self_attn.v_proj.weight", [keys, channels]));
        tensors.Add((prefix + "self_attn.o_proj.weight", [channels, queries]));
        tensors.Add((prefix + "post_attention_layernorm.weight", [channels]));
        tensors.Add((prefix + "mlp.gate_proj.weight", [config.IntermediateSize, channels]));
        tensors.Add((prefix + "mlp.up_proj.weight", [config.IntermediateSize, channels]));
        tensors.Add((prefix + "mlp.down_proj.weight", [channels, config.IntermediateSize]));
    }
}
