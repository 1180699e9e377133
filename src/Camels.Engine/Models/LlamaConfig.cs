namespace Camels.Engine.Models;

/// <summary>config.json of LLaMA, Mistral and Qwen2.</summary>
internal static class LlamaConfig
{
    private const string FeedForward = "intermediate_size";

    /// <summary>The config, or a refusal of what the family cannot be.</summary>
    public static ModelConfig Read(JsonFields fields, ModelFamily family)
    {
        RefuseWhatItCannotBe(fields, family);
        ModelConfig sizes = ConfigFields.ReadSizes(fields, FeedForward);
        bool hasBiases = family == ModelFamily.Llama && fields.Flag("attention_bias", missing: false);
        ModelConfig config = (sizes with
        {
            Family = family,
            KeyValueHeadCount = ReadKeyValueHeadCount(fields, sizes.HeadCount, family),
            NormEpsilon = fields.Positive("rms_norm_eps", largest: 1, missing: 1e-6),
            TiedEmbeddings = fields.Flag("tie_word_embeddings", missing: false),
            AttentionBias = hasBiases || family == ModelFamily.Qwen2,
            AttentionOutputBias = hasBiases,
            MlpBias = family == ModelFamily.Llama && fields.Flag("mlp_bias", missing: false),
        }).WithRope(fields, "rope_theta");
        RefuseWindow(fields, config);
        return family == ModelFamily.Qwen2 ? config.WithTokens(fields, bos: null, eos: null, pad: null) : config.WithTokens(fields, bos: 1, eos: 2, pad: null);
    }

    /// <summary>Every field that decides something, and no other.</summary>
    public static Dictionary<string, object?> Write(ModelConfig config)
    {
        (string architecture, string type) = config.Family switch
        {
            ModelFamily.Mistral => ("MistralForCausalLM", "mistral"),
            ModelFamily.Qwen2 => ("Qwen2ForCausalLM", "qwen2"),
            _ => ("LlamaForCausalLM", "llama"),
        };
        Dictionary<string, object?> fields = ConfigFields.Sizes(config, architecture, type, FeedForward);
        fields["num_key_value_heads"] = config.KeyValueHeadCount;
        fields["head_dim"] = config.HeadSize;
        fields["hidden_act"] = "silu";
        fields["rms_norm_eps"] = config.NormEpsilon;
        ConfigFields.AddRope(fields, config, "rope_theta");
        if (config.Family == ModelFamily.Llama)
        {
            fields["attention_bias"] = config.AttentionBias;
            fields["mlp_bias"] = config.MlpBias;
        }
        else
        {
            fields["sliding_window"] = null;
            fields["use_sliding_window"] = false;
        }

        return fields;
    }

    private static void RefuseWhatItCannotBe(JsonFields fields, ModelFamily family)
    {
        fields.Require("hidden_act", fields.Text("hidden_act") is null or "silu", "\"silu\"");
        fields.Require("pretraining_tp", fields.Number("pretraining_tp", missing: 1) == 1, "1");
        fields.Require("partial_rotary_factor", fields.Number("partial_rotary_factor", missing: 1) == 1, "1: rotary positions over the whole head");
        foreach (string name in (ReadOnlySpan<string>)["attention_bias", "mlp_bias"])
        {
            fields.Require(name, family == ModelFamily.Llama || !fields.Flag(name, missing: false), "false: the family has none of its own");
        }
    }

    // Mistral has a window unless its config says null, Qwen2 where use_sliding_window says so.
    private static void RefuseWindow(JsonFields fields, ModelConfig config)
    {
        const int MistralWindow = 4096;
        bool isOff = config.Family == ModelFamily.Qwen2 && !fields.Flag("use_sliding_window", missing: false);
        int? missing = config.Family == ModelFamily.Mistral && fields.IsMissing("sliding_window") ? MistralWindow : null;
        if (!isOff && (missing is not null || !fields.IsMissingOrNull("sliding_window")))
        {
            int window = fields.Integer("sliding_window", 1, ConfigFields.LargestContext, missing);
            fields.Require(
                "sliding_window", window >= config.MaximumPositions,
                $"null or at least max_position_embeddings, {config.MaximumPositions}: attention to every earlier token");
        }
    }

    private static int ReadKeyValueHeadCount(JsonFields fields, int headCount, ModelFamily family)
    {
        int standard = fields.IsMissing("num_key_value_heads")
            ? family switch { ModelFamily.Mistral => 8, ModelFamily.Qwen2 => 32, _ => headCount }
            : headCount;
        int count = fields.Integer("num_key_value_heads", 1, headCount, missing: standard);
        fields.Require("num_key_value_heads", headCount % count == 0, $"a divisor of num_attention_heads, {headCount}");
        return count;
    }
}
