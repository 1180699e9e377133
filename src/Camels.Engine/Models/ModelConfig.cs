using Camels.Kernels;

namespace Camels.Engine.Models;

/// <summary>The architectures this engine computes.</summary>
public enum ModelFamily
{
    /// <summary>LLaMA and LLaMA 2: RMSNorm, rotary positions, grouped-query attention, SwiGLU (config.json: "llama").</summary>
    Llama,
}

/// <summary>
/// What a model is: sizes, constants and special tokens, as config.json of transformers says it. What
/// <see cref="ModelConfigFile"/> reads has been checked: the engine represents it exactly and no size overflows.
/// </summary>
public sealed record ModelConfig
{
    /// <summary>The architecture.</summary>
    public ModelFamily Family { get; init; } = ModelFamily.Llama;

    /// <summary>Width of the model, C (hidden_size).</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Width of the feed-forward half, F (intermediate_size).</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Blocks, L (num_hidden_layers).</summary>
    public required int BlockCount { get; init; }

    /// <summary>Query heads, H (num_attention_heads).</summary>
    public required int HeadCount { get; init; }

    /// <summary>Key and value heads, K, a divisor of H (num_key_value_heads).</summary>
    public required int KeyValueHeadCount { get; init; }

    /// <summary>Width of a head, D, even (head_dim; C / H where a config does not say).</summary>
    public required int HeadSize { get; init; }

    /// <summary>Rows of the embedding, V (vocab_size).</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Tokens of the longest sequence (max_position_embeddings).</summary>
    public required int MaximumPositions { get; init; }

    /// <summary>What is added to the mean square in every RMSNorm (rms_norm_eps).</summary>
    public double NormEpsilon { get; init; } = 1e-6;

    /// <summary>Base of the rotary angles (rope_theta).</summary>
    public double RopeBase { get; init; } = 10000;

    /// <summary>True: the head is the embedding (tie_word_embeddings).</summary>
    public bool TiedEmbeddings { get; init; }

    /// <summary>The id that starts a document, or null (bos_token_id).</summary>
    public int? BosId { get; init; }

    /// <summary>The ids that end a generation, in the order of the config; may be empty (eos_token_id).</summary>
    public IReadOnlyList<int> EosIds { get; init; } = [];

    /// <summary>The id of padding, or null; the engine never pads, it is kept for others (pad_token_id).</summary>
    public int? PadId { get; init; }

    /// <summary>The type the weights are stored in (torch_dtype): F32, F16 or BF16.</summary>
    public DType StoredAs { get; init; } = DType.F32;

    /// <summary>Names and shapes of the weights, in the order of the forward pass: every tensor a checkpoint of this model must have.</summary>
    public IReadOnlyList<(string Name, int[] Shape)> Tensors() => Family switch
    {
        ModelFamily.Llama => LlamaTensors.Of(this),
        _ => throw new ArgumentOutOfRangeException(nameof(Family), Family, "unknown family"),
    };

    /// <summary>True for a tensor that checkpoints of this family carry and that decides nothing: it is derived from the config.</summary>
    public bool IgnoresTensor(string name) => Family switch
    {
        ModelFamily.Llama => LlamaTensors.IsIgnored(name, this),
        _ => throw new ArgumentOutOfRangeException(nameof(Family), Family, "unknown family"),
    };

    /// <summary>Number of weights, a tied head counted once.</summary>
    public long ParameterCount()
    {
        long count = 0;
        foreach ((_, int[] shape) in Tensors())
        {
            count += shape.Aggregate(1L, (product, size) => product * size);
        }

        return count;
    }
}
