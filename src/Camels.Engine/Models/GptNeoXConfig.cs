using Camels.Kernels.Ops;

namespace Camels.Engine.Models;

/// <summary>config.json of GPT-NeoX and Pythia.</summary>
internal static class GptNeoXConfig
{
    private const string FeedForward = "intermediate_size";

    /// <summary>The config, or a refusal of what the family cannot be.</summary>
    public static ModelConfig Read(JsonFields fields)
    {
        fields.Require("hidden_act", fields.Text("hidden_act") is null or "gelu", "\"gelu\"");
        ModelConfig sizes = ConfigFields.ReadSizes(fields, FeedForward);
        ConfigFields.RequireEvenHeads(fields, sizes);
        bool hasBiases = fields.Flag("attention_bias", missing: true);
        double share = fields.Positive("rotary_pct", largest: 1, missing: 0.25);
        share = fields.Object("rope_parameters")?.Positive("partial_rotary_factor", largest: 1, missing: share) ?? share;
        fields.Require(
            fields.IsMissing("rotary_pct") ? "rope_parameters" : "rotary_pct", (int)(sizes.HeadSize * share) % 2 == 0,
            $"an even number of a head's {sizes.HeadSize} channels");
        return (sizes with
        {
            Family = ModelFamily.GptNeoX,
            NormEpsilon = fields.Positive("layer_norm_eps", largest: 1, missing: 1e-5),
            ParallelResidual = fields.Flag("use_parallel_residual", missing: true),
            TiedEmbeddings = fields.Flag("tie_word_embeddings", missing: false),
            AttentionBias = hasBiases,
            AttentionOutputBias = hasBiases,
            MlpBias = true,
            Dropout = sizes.Dropout with { Hidden = ConfigFields.ReadShare(fields, "hidden_dropout", missing: 0) },
            Activation = Activation.Gelu,
            RotaryShare = share,
        }).WithRope(fields, "rotary_emb_base").WithTokens(fields, bos: 0, eos: 2, pad: null);
    }

    /// <summary>Every field that decides something, and no other.</summary>
    public static Dictionary<string, object?> Write(ModelConfig config)
    {
        Dictionary<string, object?> fields = ConfigFields.Sizes(config, "GPTNeoXForCausalLM", "gpt_neox", FeedForward);
        fields["hidden_act"] = "gelu";
        fields["layer_norm_eps"] = config.NormEpsilon;
        fields["use_parallel_residual"] = config.ParallelResidual;
        fields["attention_bias"] = config.AttentionBias;
        fields["rotary_pct"] = config.RotaryShare;
        ConfigFields.AddRope(fields, config, "rotary_emb_base");
        fields["hidden_dropout"] = config.Dropout.Hidden;
        return fields;
    }
}
