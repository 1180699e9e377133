using Camels.Engine.Parameters;
using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Models;

/// <summary>The architectures this engine computes, each a model_type of config.json.</summary>
public enum ModelFamily
{
    /// <summary>LLaMA, LLaMA 2 and 3: RMSNorm, rotary positions, grouped-query attention, SwiGLU ("llama").</summary>
    Llama,

    /// <summary>LLaMA in other sizes ("mistral").</summary>
    Mistral,

    /// <summary>LLaMA with biases at queries, keys and values ("qwen2").</summary>
    Qwen2,

    /// <summary>OPT: LayerNorm, learned positions, biases, ReLU ("opt").</summary>
    Opt,

    /// <summary>GPT-NeoX and Pythia: LayerNorm, partly rotated heads, biases, GELU ("gpt_neox").</summary>
    GptNeoX,
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

    /// <summary>Width of a head, D, at most 256 (head_dim; C / H where a config does not say).</summary>
    public required int HeadSize { get; init; }

    /// <summary>Rows of the embedding, V (vocab_size).</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Tokens of the longest sequence (max_position_embeddings).</summary>
    public required int MaximumPositions { get; init; }

    /// <summary>Width of the embedding's rows and of the head's input, E, where it is not C (word_embed_proj_dim).</summary>
    public int? EmbeddingSize { get; init; }

    /// <summary>What is added to the mean square or variance in every norm (rms_norm_eps, layer_norm_eps).</summary>
    public double NormEpsilon { get; init; } = 1e-6;

    /// <summary>OPT: true where norms come after each half of a block, not before (do_layer_norm_before false).</summary>
    public bool NormsLast { get; init; }

    /// <summary>OPT: false where no norm comes after the last block (_remove_final_layer_norm, or norms last).</summary>
    public bool HasFinalNorm { get; init; } = true;

    /// <summary>GPT-NeoX: both halves of a block read its input (use_parallel_residual).</summary>
    public bool ParallelResidual { get; init; }

    /// <summary>True where queries, keys and values have biases.</summary>
    public bool AttentionBias { get; init; }

    /// <summary>True where attention's output has a bias.</summary>
    public bool AttentionOutputBias { get; init; }

    /// <summary>True where the feed-forward half has biases.</summary>
    public bool MlpBias { get; init; }

    /// <summary>The function of an ungated feed-forward half; SwiGLU has its own.</summary>
    public Activation Activation { get; init; }

    /// <summary>What training leaves out at random.</summary>
    public DropoutShares Dropout { get; init; }

    /// <summary>Base of the rotary angles (rope_theta, rotary_emb_base).</summary>
    public double RopeBase { get; init; } = 10000;

    /// <summary>Share of a head's channels that are rotated (rotary_pct).</summary>
    public double RotaryShare { get; init; } = 1;

    /// <summary>How rotary frequencies are scaled, or null (rope_scaling).</summary>
    public RopeScaling? RopeScaling { get; init; }

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

    /// <summary>Adapters of the blocks' linear layers, or null: how a model is trained or extended, no part of config.json.</summary>
    public AdapterSettings? Adapter { get; init; }

    /// <summary>Names of what is trained, with * for any text; null for everything, or for the adapters where there are some.</summary>
    public IReadOnlyList<string>? Trained { get; init; }

    /// <summary>True where a step of training draws what it leaves out, in the model or in its adapters.</summary>
    public bool HasDropout => Dropout.Hidden > 0 || Adapter is { Dropout: > 0 };

    /// <summary>Width of the embedding's rows and of the head's input, E.</summary>
    public int EmbeddingWidth => EmbeddingSize ?? HiddenSize;

    /// <summary>Rotated channels of a head, R.</summary>
    public int RotaryWidth => (int)(HeadSize * RotaryShare);

    /// <summary>The angle of position 1 for each of the R/2 pairs of a head's rotated channels.</summary>
    public double[] RopeFrequencies()
    {
        double[] frequencies = new double[RotaryWidth / 2];
        for (int i = 0; i < frequencies.Length; i++)
        {
            double frequency = Math.Pow(RopeBase, -(double)i / frequencies.Length);
            frequencies[i] = RopeScaling?.Scaled(frequency) ?? frequency;
        }

        return frequencies;
    }

    /// <summary>Names and shapes of the weights: every tensor a checkpoint of this model must have. A matrix is (outputs, inputs).</summary>
    public IReadOnlyList<(string Name, int[] Shape)> Tensors() => ModelCatalog.TensorsOf(this);

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
