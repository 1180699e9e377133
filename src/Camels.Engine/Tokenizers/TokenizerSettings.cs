using System.Text.Json;

namespace Camels.Engine.Tokenizers;

/// <summary>
/// What a folder's <c>tokenizer_config.json</c>, <c>special_tokens_map.json</c> and <c>added_tokens.json</c> say. Every key may be
/// missing; the tokenizers then take their family's default.
/// </summary>
internal sealed class TokenizerSettings
{
    public const string ConfigFile = "tokenizer_config.json";
    public const string SpecialTokensFile = "special_tokens_map.json";
    public const string AddedTokensFile = "added_tokens.json";

    private static readonly string[] _otherSpecialKeys = ["pad_token", "cls_token", "sep_token", "mask_token"];

    /// <summary>bos_token.</summary>
    public string? Bos { get; private set; }

    /// <summary>eos_token.</summary>
    public string? Eos { get; private set; }

    /// <summary>unk_token.</summary>
    public string? Unknown { get; private set; }

    /// <summary>The other tokens that the settings name as special: pad_token, additional_special_tokens and so on.</summary>
    public List<string> OtherSpecial { get; } = [];

    /// <summary>Added tokens with their ids (added_tokens_decoder, else added_tokens.json).</summary>
    public List<AddedToken> Added { get; } = [];

    /// <summary>add_bos_token.</summary>
    public bool? AddsBos { get; private set; }

    /// <summary>add_prefix_space.</summary>
    public bool? AddsPrefixSpace { get; private set; }

    /// <summary>legacy of LlamaTokenizer; missing means true.</summary>
    public bool IsLegacy { get; private set; } = true;

    /// <summary>Reads the settings of a folder.</summary>
    /// <exception cref="CamelsException">Exit code 3: a file is no JSON object or holds something impossible.</exception>
    public static TokenizerSettings Read(string folder)
    {
        TokenizerSettings settings = new();
        string configPath = Path.Combine(folder, ConfigFile);
        string specialPath = Path.Combine(folder, SpecialTokensFile);
        string addedPath = Path.Combine(folder, AddedTokensFile);
        bool hasDecoder = false;
        if (File.Exists(configPath))
        {
            TokenizerJson.Read(configPath, root => hasDecoder = settings.ReadConfig(root));
        }

        if (File.Exists(specialPath) && !hasDecoder)
        {
            TokenizerJson.Read(specialPath, settings.ReadSpecialTokens);
        }

        if (File.Exists(addedPath) && !hasDecoder)
        {
            TokenizerJson.Read(addedPath, settings.ReadAddedTokens);
        }

        return settings;
    }

    // Returns whether the file lists its added tokens with ids; the other two files are then of no account, as in transformers.
    private bool ReadConfig(JsonElement root)
    {
        ReadSpecialTokens(root);
        AddsBos = OptionalFlag(root, "add_bos_token");
        AddsPrefixSpace = OptionalFlag(root, "add_prefix_space");
        IsLegacy = OptionalFlag(root, "legacy") ?? true;
        if (!root.TryGetProperty("added_tokens_decoder", out JsonElement decoder))
        {
            return false;
        }

        foreach (JsonProperty entry in decoder.EnumerateObject())
        {
            Added.Add(TokenizerJson.AddedToken(entry.Value, TokenizerJson.Id(entry.Name)));
        }

        return true;
    }

    private void ReadSpecialTokens(JsonElement root)
    {
        Bos = TokenText(root, "bos_token") ?? Bos;
        Eos = TokenText(root, "eos_token") ?? Eos;
        Unknown = TokenText(root, "unk_token") ?? Unknown;
        foreach (string key in _otherSpecialKeys)
        {
            if (TokenText(root, key) is string text)
            {
                OtherSpecial.Add(text);
            }
        }

        if (root.TryGetProperty("additional_special_tokens", out JsonElement more) && more.ValueKind == JsonValueKind.Array)
        {
            OtherSpecial.AddRange(more.EnumerateArray().Select(TokenText).OfType<string>());
        }
    }

    private void ReadAddedTokens(JsonElement root)
    {
        foreach (JsonProperty entry in root.EnumerateObject())
        {
            Added.Add(TokenizerJson.NewAddedToken(TokenizerJson.Id(entry.Value), entry.Name, isSpecial: false, isNormalized: false));
        }
    }

    private static bool? OptionalFlag(JsonElement root, string key) =>
        root.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value.GetBoolean() : null;

    private static string? TokenText(JsonElement root, string key) =>
        root.TryGetProperty(key, out JsonElement value) ? TokenText(value) : null;

    // A token is a string or an object with its content; null and "" mean that there is none.
    private static string? TokenText(JsonElement value)
    {
        string? text = value.ValueKind switch
        {
            JsonValueKind.Null => null,
            JsonValueKind.Object => TokenizerJson.Content(value),
            _ => value.GetString(),
        };
        return string.IsNullOrEmpty(text) ? null : text;
    }
}
