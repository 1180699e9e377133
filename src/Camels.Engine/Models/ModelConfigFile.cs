using System.Text.Json;
using Camels.Kernels;

namespace Camels.Engine.Models;

/// <summary>
/// Reads and writes config.json of transformers. What is left out takes transformers' default; what this engine would compute otherwise
/// than transformers is refused.
/// </summary>
public static class ModelConfigFile
{
    /// <summary>The file's name in a model folder.</summary>
    public const string Name = "config.json";

    private const long MaximumBytes = 16 << 20;
    private const int LargestWidth = 1 << 18;
    private const int LargestVocabulary = 1 << 24;
    private const int LargestBlockCount = 4096;
    private const int LargestHeadCount = 1 << 14;
    private const int LargestContext = 1 << 24;

    /// <summary>The config in <paramref name="path"/>.</summary>
    /// <exception cref="CamelsException">It cannot be read, or says what the engine cannot represent: exit code 3.</exception>
    public static ModelConfig Read(string path)
    {
        using JsonDocument document = StrictJson.ReadObject(path, MaximumBytes);
        JsonFields fields = new(document.RootElement, path);
        string type = fields.Text("model_type") ?? throw fields.Refused("model_type", "the family of the model: llama");
        return type switch
        {
            "llama" => ReadLlama(fields),
            _ => throw fields.Refused("model_type", "a family this version knows: llama (opt and gpt_neox: not yet)"),
        };
    }

    private static ModelConfig ReadLlama(JsonFields fields)
    {
        RefuseWhatLlamaCannotBe(fields);
        int hiddenSize = fields.Integer("hidden_size", 1, LargestWidth);
        int headCount = fields.Integer("num_attention_heads", 1, LargestHeadCount);
        int vocabularySize = fields.Integer("vocab_size", 1, LargestVocabulary);
        return new ModelConfig
        {
            Family = ModelFamily.Llama,
            HiddenSize = hiddenSize,
            IntermediateSize = fields.Integer("intermediate_size", 1, LargestWidth * 4),
            BlockCount = fields.Integer("num_hidden_layers", 1, LargestBlockCount),
            HeadCount = headCount,
            KeyValueHeadCount = ReadKeyValueHeadCount(fields, headCount),
            HeadSize = ReadHeadSize(fields, hiddenSize, headCount),
            VocabularySize = vocabularySize,
            MaximumPositions = fields.Integer("max_position_embeddings", 1, LargestContext, missing: 2048),
            NormEpsilon = fields.Positive("rms_norm_eps", largest: 1, missing: 1e-6),
            RopeBase = ReadRopeBase(fields),
            TiedEmbeddings = fields.Flag("tie_word_embeddings", missing: false),
            BosId = ReadIds(fields, "bos_token_id", vocabularySize, missing: 1) is [int first, ..] ? first : null,
            EosIds = ReadIds(fields, "eos_token_id", vocabularySize, missing: 2),
            PadId = ReadPadId(fields, vocabularySize),
            StoredAs = ReadStoredType(fields),
        };
    }

    private static void RefuseWhatLlamaCannotBe(JsonFields fields)
    {
        fields.Require("hidden_act", fields.Text("hidden_act") is null or "silu", "\"silu\"");
        fields.Require("attention_bias", !fields.Flag("attention_bias", missing: false), "false: no biases");
        fields.Require("mlp_bias", !fields.Flag("mlp_bias", missing: false), "false: no biases");
        fields.Require("pretraining_tp", fields.Number("pretraining_tp", missing: 1) == 1, "1");
        fields.Require("attention_dropout", fields.Number("attention_dropout", missing: 0) == 0, "0: no dropout");
        fields.Require("partial_rotary_factor", fields.Number("partial_rotary_factor", missing: 1) == 1, "1: rotary positions over the whole head");
        fields.Require("sliding_window", fields.IsMissingOrNull("sliding_window"), "null: attention to every earlier token");
        fields.Require("quantization_config", fields.IsMissingOrNull("quantization_config"), "none: weights stored as F32, F16 or BF16");
        foreach (string rope in (ReadOnlySpan<string>)["rope_scaling", "rope_parameters"])
        {
            JsonFields? inner = fields.Object(rope);
            string? type = inner?.Text("rope_type") ?? inner?.Text("type");
            bool isPlain = inner is null || type == "default" || (type is null && rope == "rope_parameters");
            fields.Require(rope, isPlain, "null or the type \"default\": unscaled rotary positions");
        }
    }

    private static int ReadKeyValueHeadCount(JsonFields fields, int headCount)
    {
        int count = fields.Integer("num_key_value_heads", 1, headCount, missing: headCount);
        fields.Require("num_key_value_heads", headCount % count == 0, $"a divisor of num_attention_heads, {headCount}");
        return count;
    }

    private static int ReadHeadSize(JsonFields fields, int hiddenSize, int headCount)
    {
        if (fields.IsMissingOrNull("head_dim"))
        {
            fields.Require("hidden_size", hiddenSize % headCount == 0, $"a multiple of num_attention_heads, {headCount}");
            fields.Require("hidden_size", hiddenSize / headCount % 2 == 0, $"an even number of channels for each of {headCount} heads");
            return hiddenSize / headCount;
        }

        int headSize = fields.Integer("head_dim", 1, LargestWidth / headCount);
        fields.Require("head_dim", headSize % 2 == 0, "an even number: rotary positions turn pairs");
        return headSize;
    }

    private static double ReadRopeBase(JsonFields fields)
    {
        double older = fields.Positive("rope_theta", largest: 1e15, missing: 10000);
        return fields.Object("rope_parameters")?.Positive("rope_theta", largest: 1e15, missing: older) ?? older;
    }

    // null means none. Old conversions of LLaMA write -1 for none.
    private static int[] ReadIds(JsonFields fields, string name, int vocabularySize, int missing) =>
        fields.IsMissing(name) ? (missing < vocabularySize ? [missing] : []) : fields.Integers(name, 0, vocabularySize - 1);

    private static int? ReadPadId(JsonFields fields, int vocabularySize)
    {
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

    /// <summary>config.json as transformers reads it: every field that decides something, and no other.</summary>
    public static byte[] ToJson(ModelConfig config)
    {
        Dictionary<string, object?> fields = new()
        {
            ["architectures"] = (string[])["LlamaForCausalLM"],
            ["model_type"] = "llama",
            ["hidden_size"] = config.HiddenSize,
            ["intermediate_size"] = config.IntermediateSize,
            ["num_hidden_layers"] = config.BlockCount,
            ["num_attention_heads"] = config.HeadCount,
            ["num_key_value_heads"] = config.KeyValueHeadCount,
            ["head_dim"] = config.HeadSize,
            ["vocab_size"] = config.VocabularySize,
            ["max_position_embeddings"] = config.MaximumPositions,
            ["attention_bias"] = false,
            ["mlp_bias"] = false,
            ["hidden_act"] = "silu",
            ["rms_norm_eps"] = config.NormEpsilon,
            ["rope_theta"] = config.RopeBase,
            ["rope_scaling"] = null,
            ["tie_word_embeddings"] = config.TiedEmbeddings,
            ["torch_dtype"] = NameOf(config.StoredAs),
        };
        AddSpecialTokens(fields, config);
        return JsonText.Of(fields);
    }

    /// <summary>generation_config.json: where a generation starts and ends.</summary>
    public static byte[] ToGenerationJson(ModelConfig config)
    {
        Dictionary<string, object?> fields = [];
        AddSpecialTokens(fields, config);
        return JsonText.Of(fields);
    }

    // A null is written: transformers has defaults of its own for what is missing.
    private static void AddSpecialTokens(Dictionary<string, object?> fields, ModelConfig config)
    {
        fields["bos_token_id"] = config.BosId;
        fields["eos_token_id"] = config.EosIds.Count switch
        {
            0 => null,
            1 => config.EosIds[0],
            _ => config.EosIds,
        };
        if (config.PadId is int pad)
        {
            fields["pad_token_id"] = pad;
        }
    }

    private static string NameOf(DType dtype) => dtype switch
    {
        DType.F32 => "float32",
        DType.F16 => "float16",
        DType.BF16 => "bfloat16",
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "weights are stored as F32, F16 or BF16"),
    };
}
