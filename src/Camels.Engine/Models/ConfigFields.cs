using System.Globalization;
using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Models;

/// <summary>What the families' readers of config.json share: limits, and fields that every family has.</summary>
internal static class ConfigFields
{
    public const int LargestWidth = 1 << 18;
    public const int LargestContext = 1 << 24;

    private const int LargestVocabulary = 1 << 24;
    private const int LargestBlockCount = 4096;
    private const int LargestHeadCount = 1 << 14;
    private const double LargestRopeBase = 1e15;

    /// <summary>The sizes that every family names alike.</summary>
    /// <param name="fields">The file's.</param>
    /// <param name="feedForward">What the family calls F.</param>
    public static ModelConfig ReadSizes(JsonFields fields, string feedForward)
    {
        fields.Require("quantization_config", fields.IsMissingOrNull("quantization_config"), "none: weights stored as F32, F16 or BF16");
        int hiddenSize = fields.Integer("hidden_size", 1, LargestWidth);
        int headCount = fields.Integer("num_attention_heads", 1, LargestHeadCount);
        return new ModelConfig
        {
            HiddenSize = hiddenSize,
            IntermediateSize = fields.Integer(feedForward, 1, LargestWidth * 4),
            BlockCount = fields.Integer("num_hidden_layers", 1, LargestBlockCount),
            HeadCount = headCount,
            KeyValueHeadCount = headCount,
            HeadSize = ReadHeadSize(fields, hiddenSize, headCount),
            VocabularySize = fields.Integer("vocab_size", 1, LargestVocabulary),
            MaximumPositions = fields.Integer("max_position_embeddings", 1, LargestContext, missing: 2048),
            Dropout = new DropoutShares { Attention = ReadShare(fields, "attention_dropout", missing: 0) },
            StoredAs = ReadStoredType(fields),
        };
    }

    /// <summary>Refuses a head_dim in families whose heads share C evenly.</summary>
    public static void RequireEvenHeads(JsonFields fields, ModelConfig sizes) => fields.Require(
        "head_dim", (long)sizes.HeadSize * sizes.HeadCount == sizes.HiddenSize,
        $"none: a head has hidden_size / num_attention_heads = {sizes.HiddenSize} / {sizes.HeadCount} channels");

    /// <summary>A share of numbers that training leaves out: at least 0 and below 1.</summary>
    public static double ReadShare(JsonFields fields, string name, double missing)
    {
        double share = fields.Number(name, missing);
        fields.Require(name, share is >= 0 and < 1, "a number from 0, below 1");
        return share;
    }

    /// <summary>Special tokens; the arguments are what transformers takes where a field is missing.</summary>
    public static ModelConfig WithTokens(this ModelConfig config, JsonFields fields, int? bos, int? eos, int? pad) => config with
    {
        BosId = ReadIds(fields, "bos_token_id", config.VocabularySize, bos) is [int first, ..] ? first : null,
        EosIds = ReadIds(fields, "eos_token_id", config.VocabularySize, eos),
        PadId = ReadPadId(fields, config.VocabularySize, pad),
    };

    /// <summary>Base and scaling of rotary positions; <paramref name="baseName"/> is what the family calls the base.</summary>
    public static ModelConfig WithRope(this ModelConfig config, JsonFields fields, string baseName)
    {
        double older = fields.Positive(baseName, LargestRopeBase, missing: 10000);
        fields.Require(
            fields.IsMissing("head_dim") ? "hidden_size" : "head_dim", config.RotaryWidth % 2 == 0,
            $"an even number of rotated channels for each of {config.HeadCount} heads");
        double ropeBase = fields.Object("rope_parameters")?.Positive("rope_theta", LargestRopeBase, missing: older) ?? older;
        foreach (string name in (ReadOnlySpan<string>)["rope_scaling", "rope_parameters"])
        {
            RequireIfThere(fields.Object(name), "partial_rotary_factor", config.RotaryShare);
            RequireIfThere(fields.Object(name), "rope_theta", ropeBase);
        }

        return config with
        {
            RopeBase = ropeBase,
            RopeScaling = ReadRopeScaling(fields, "rope_scaling", mayLackType: false) ?? ReadRopeScaling(fields, "rope_parameters", mayLackType: true),
        };
    }

    /// <summary>The inverse of <see cref="WithRope"/>.</summary>
    public static void AddRope(Dictionary<string, object?> fields, ModelConfig config, string baseName)
    {
        fields[baseName] = config.RopeBase;
        fields["rope_scaling"] = config.RopeScaling switch
        {
            null => null,
            { Kind: RopeScalingKind.Linear } scaling => new Dictionary<string, object?> { ["type"] = "linear", ["rope_type"] = "linear", ["factor"] = scaling.Factor },
            RopeScaling scaling => new Dictionary<string, object?>
            {
                ["rope_type"] = "llama3",
                ["factor"] = scaling.Factor,
                ["low_freq_factor"] = scaling.LowFactor,
                ["high_freq_factor"] = scaling.HighFactor,
                ["original_max_position_embeddings"] = scaling.OriginalPositions,
            },
        };
    }

    /// <summary>What every family writes alike, <paramref name="feedForward"/> as in <see cref="ReadSizes"/>.</summary>
    public static Dictionary<string, object?> Sizes(ModelConfig config, string architecture, string modelType, string feedForward) => new()
    {
        ["architectures"] = (string[])[architecture],
        ["model_type"] = modelType,
        ["hidden_size"] = config.HiddenSize,
        [feedForward] = config.IntermediateSize,
        ["num_hidden_layers"] = config.BlockCount,
        ["num_attention_heads"] = config.HeadCount,
        ["vocab_size"] = config.VocabularySize,
        ["max_position_embeddings"] = config.MaximumPositions,
        ["attention_dropout"] = config.Dropout.Attention,
        ["tie_word_embeddings"] = config.TiedEmbeddings,
        ["torch_dtype"] = config.StoredAs switch
        {
            DType.F32 => "float32",
            DType.F16 => "float16",
            DType.BF16 => "bfloat16",
            _ => throw new ArgumentOutOfRangeException(nameof(config), config.StoredAs, "weights are stored as F32, F16 or BF16"),
        },
    };

    // Versions of transformers differ in whether they read these fields here, so they must say what the rest of the config says.
    private static void RequireIfThere(JsonFields? inner, string name, double value) =>
        inner?.Require(name, inner.Number(name, missing: value) == value, string.Create(CultureInfo.InvariantCulture, $"{value}, or missing"));

    private static int ReadHeadSize(JsonFields fields, int hiddenSize, int headCount)
    {
        if (fields.IsMissingOrNull("head_dim"))
        {
            fields.Require("hidden_size", hiddenSize % headCount == 0, $"a multiple of num_attention_heads, {headCount}");
            fields.Require(
                "hidden_size", hiddenSize / headCount <= Attention.MaximumHeadWidth,
                $"at most {Attention.MaximumHeadWidth} channels for each of {headCount} heads");
            return hiddenSize / headCount;
        }

        return fields.Integer("head_dim", 1, Attention.MaximumHeadWidth);
    }

    private static RopeScaling? ReadRopeScaling(JsonFields fields, string name, bool mayLackType)
    {
        JsonFields? inner = fields.Object(name);
        string? type = inner?.Text("rope_type") ?? inner?.Text("type");
        if (inner is null || type == "default" || (type is null && mayLackType))
        {
            return null;
        }

        fields.Require(name, type is "linear" or "llama3", "null or the type \"default\", \"linear\" or \"llama3\"");
        double factor = inner.Positive("factor", largest: 1e6, missing: 0);
        if (type == "linear")
        {
            return new RopeScaling(RopeScalingKind.Linear, factor);
        }

        double low = inner.Positive("low_freq_factor", largest: 1e6, missing: 0);
        double high = inner.Positive("high_freq_factor", largest: 1e6, missing: 0);
        fields.Require(name, high > low, "a high_freq_factor above low_freq_factor");
        return new RopeScaling(RopeScalingKind.Llama3, factor, low, high, inner.Integer("original_max_position_embeddings", 1, LargestContext));
    }

    /// <summary>One id or several; null means none, and so does the -1 of old conversions of LLaMA.</summary>
    public static int[] ReadIds(JsonFields fields, string name, int vocabularySize, int? missing) =>
        fields.IsMissing(name) ? (missing < vocabularySize ? [missing.Value] : []) : fields.Integers(name, 0, vocabularySize - 1);

    private static int? ReadPadId(JsonFields fields, int vocabularySize, int? missing)
    {
        if (fields.IsMissing("pad_token_id"))
        {
            return missing < vocabularySize ? missing : null;
        }

        if (fields.IsMissingOrNull("pad_token_id"))
        {
            return null;
        }

        int id = fields.Integer("pad_token_id", -1, vocabularySize - 1);
        return id < 0 ? null : id;
    }

    private static DType ReadStoredType(JsonFields fields)
    {
        string name = fields.IsMissingOrNull("dtype") ? "torch_dtype" : "dtype";
        return fields.Text(name) switch
        {
            null or "float32" => DType.F32,
            "float16" => DType.F16,
            "bfloat16" => DType.BF16,
            _ => throw fields.Refused(name, "\"float32\", \"float16\" or \"bfloat16\""),
        };
    }
}
