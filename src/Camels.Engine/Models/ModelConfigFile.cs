using System.Text.Json;

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

    /// <summary>The config in <paramref name="path"/>.</summary>
    /// <exception cref="CamelsException">It cannot be read, or says what the engine cannot represent: exit code 3.</exception>
    public static ModelConfig Read(string path)
    {
        using JsonDocument document = StrictJson.ReadObject(path, MaximumBytes);
        JsonFields fields = new(document.RootElement, path);
        const string Known = "a family this engine knows: llama, mistral, qwen2, opt or gpt_neox";
        return (fields.Text("model_type") ?? throw fields.Refused("model_type", Known)) switch
        {
            "llama" => LlamaConfig.Read(fields, ModelFamily.Llama),
            "mistral" => LlamaConfig.Read(fields, ModelFamily.Mistral),
            "qwen2" => LlamaConfig.Read(fields, ModelFamily.Qwen2),
            "opt" => OptConfig.Read(fields),
            "gpt_neox" => GptNeoXConfig.Read(fields),
            _ => throw fields.Refused("model_type", Known),
        };
    }

    /// <summary>config.json as transformers reads it: every field that decides something, and no other.</summary>
    public static byte[] ToJson(ModelConfig config)
    {
        Dictionary<string, object?> fields = config.Family switch
        {
            ModelFamily.Opt => OptConfig.Write(config),
            ModelFamily.GptNeoX => GptNeoXConfig.Write(config),
            _ => LlamaConfig.Write(config),
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

    /// <summary>The ids that end an answer: the config's, and those that only the generation_config.json in <paramref name="path"/> names, if it is there.</summary>
    /// <exception cref="CamelsException">It cannot be read: exit code 3.</exception>
    public static IReadOnlyList<int> EosIds(string path, ModelConfig config)
    {
        if (!File.Exists(path))
        {
            return config.EosIds;
        }

        using JsonDocument document = StrictJson.ReadObject(path, MaximumBytes);
        return [.. config.EosIds.Union(GenerationEosIds(document, path, config))];
    }

    /// <summary>The generation_config.json in <paramref name="path"/>, changed only where it does not end at each of the config's ids.</summary>
    /// <exception cref="CamelsException">It cannot be read: exit code 3.</exception>
    public static byte[] GenerationJson(string path, ModelConfig config)
    {
        using JsonDocument document = StrictJson.ReadObject(path, MaximumBytes);
        IReadOnlyList<int> published = GenerationEosIds(document, path, config);
        if (!config.EosIds.Except(published).Any())
        {
            return StrictJson.ReadBytes(path, MaximumBytes);
        }

        Dictionary<string, object?> fields = document.RootElement.EnumerateObject().ToDictionary(field => field.Name, object? (field) => field.Value);
        fields["eos_token_id"] = published.Union(config.EosIds);
        return JsonText.Of(fields);
    }

    private static int[] GenerationEosIds(JsonDocument document, string path, ModelConfig config) =>
        ConfigFields.ReadIds(new JsonFields(document.RootElement, path), "eos_token_id", config.VocabularySize, missing: null);

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
        fields["pad_token_id"] = config.PadId;
    }
}
