using Camels.Kernels.Ops;

namespace Camels.Engine.Models;

/// <summary>config.json of OPT.</summary>
internal static class OptConfig
{
    private const string FeedForward = "ffn_dim";

    /// <summary>nn.LayerNorm's own: OPT's config does not name it.</summary>
    private const double LayerNormEpsilon = 1e-5;

    /// <summary>The config, or a refusal of what the family cannot be.</summary>
    public static ModelConfig Read(JsonFields fields)
    {
        fields.Require("layer_norm_elementwise_affine", fields.Flag("layer_norm_elementwise_affine", missing: true), "true: norms have weights");
        ModelConfig sizes = ConfigFields.ReadSizes(fields, FeedForward);
        ConfigFields.RequireEvenHeads(fields, sizes);
        bool normsFirst = fields.Flag("do_layer_norm_before", missing: true);
        bool hasBiases = fields.Flag("enable_bias", missing: true);
        int embedded = fields.Integer("word_embed_proj_dim", 1, ConfigFields.LargestWidth, missing: sizes.HiddenSize);
        return (sizes with
        {
            Family = ModelFamily.Opt,
            EmbeddingSize = embedded == sizes.HiddenSize ? null : embedded,
            NormEpsilon = LayerNormEpsilon,
            NormsLast = !normsFirst,
            HasFinalNorm = normsFirst && !fields.Flag("_remove_final_layer_norm", missing: false),
            TiedEmbeddings = fields.Flag("tie_word_embeddings", missing: true),
            AttentionBias = hasBiases,
            AttentionOutputBias = hasBiases,
            MlpBias = hasBiases,
            Dropout = sizes.Dropout with
            {
                Hidden = ConfigFields.ReadShare(fields, "dropout", missing: 0.1),
                Activation = ConfigFields.ReadShare(fields, "activation_dropout", missing: 0),
                Block = ConfigFields.ReadShare(fields, "layerdrop", missing: 0),
            },
            Activation = fields.Text("activation_function") switch
            {
                null or "relu" => Activation.Relu,
                "gelu" => Activation.Gelu,
                _ => throw fields.Refused("activation_function", "\"relu\" or \"gelu\""),
            },
        }).WithTokens(fields, bos: 2, eos: 2, pad: 1);
    }

    /// <summary>Every field that decides something, and no other.</summary>
    public static Dictionary<string, object?> Write(ModelConfig config)
    {
        Dictionary<string, object?> fields = ConfigFields.Sizes(config, "OPTForCausalLM", "opt", FeedForward);
        fields["word_embed_proj_dim"] = config.EmbeddingWidth;
        fields["do_layer_norm_before"] = !config.NormsLast;
        fields["_remove_final_layer_norm"] = !config.NormsLast && !config.HasFinalNorm;
        fields["enable_bias"] = config.MlpBias;
        fields["activation_function"] = config.Activation == Activation.Gelu ? "gelu" : "relu";
        fields["dropout"] = config.Dropout.Hidden;
        fields["activation_dropout"] = config.Dropout.Activation;
        fields["layerdrop"] = config.Dropout.Block;
        return fields;
    }
}
