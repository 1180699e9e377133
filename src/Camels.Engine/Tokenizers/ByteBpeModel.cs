using System.Text;
using System.Text.Json;

namespace Camels.Engine.Tokenizers;

/// <summary>
/// The content of a byte-level BPE: ids by spelling, merges by rank, added tokens; from <c>tokenizer.json</c> or from <c>vocab.json</c> and
/// <c>merges.txt</c>. What this engine cannot represent exactly is refused.
/// </summary>
internal sealed class ByteBpeModel
{
    private readonly string _path;

    private ByteBpeModel(string path) => _path = path;

    /// <summary>Ids by spelling in the byte alphabet, without the added tokens.</summary>
    public Dictionary<string, int> Ids { get; } = [];

    /// <summary>The pairs that are joined.</summary>
    public MergeTable Merges { get; } = new();

    /// <summary>Added tokens of tokenizer.json.</summary>
    public List<AddedToken> Added { get; } = [];

    /// <summary>True where text is brought into Unicode's form C first.</summary>
    public bool NormalizesNfc { get; private set; }

    /// <summary>The special token that tokenizer.json's post-processor puts before a text, or null.</summary>
    public string? PrefixToken { get; private set; }

    /// <summary>Reads a <c>tokenizer.json</c>.</summary>
    /// <param name="path">The file.</param>
    /// <param name="settings">The settings beside it, whose added tokens must fit.</param>
    /// <exception cref="CamelsException">Exit code 3: damaged, or not a byte-level BPE as GPT-2's.</exception>
    public static ByteBpeModel ReadTokenizerJson(string path, TokenizerSettings settings)
    {
        ByteBpeModel model = new(path);
        TokenizerJson.Read(path, root =>
        {
            JsonElement bpe = root.GetProperty("model");
            model.RequireByteLevel(bpe);
            model.ReadNormalizer(Optional(root, "normalizer"));
            model.ReadPreTokenizer(Optional(root, "pre_tokenizer"));
            model.ReadPostProcessor(Optional(root, "post_processor"));
            model.ReadDecoder(Optional(root, "decoder"));
            model.ReadVocabulary(bpe.GetProperty("vocab"));
            if (Optional(root, "added_tokens") is JsonElement tokens)
            {
                model.ReadAddedTokens(tokens);
            }

            IEnumerable<AddedToken> more = settings.Added.Where(token => !model.Added.Exists(known => known.Text == token.Text));
            model.RequireLibraryIds(model.Added.Concat(more.OrderBy(token => token.Id)), $"{path} with {TokenizerSettings.ConfigFile}");

            int rank = 0;
            foreach (JsonElement merge in bpe.GetProperty("merges").EnumerateArray())
            {
                model.AddMerge(MergeText(merge), rank++);
            }
        });
        return model;
    }

    /// <summary>Reads a <c>vocab.json</c> and the <c>merges.txt</c> beside it.</summary>
    /// <exception cref="CamelsException">Exit code 3: damaged.</exception>
    public static ByteBpeModel ReadVocabularyAndMerges(string vocabularyPath, string mergesPath)
    {
        ByteBpeModel model = new(vocabularyPath);
        TokenizerJson.Read(vocabularyPath, model.ReadVocabulary);
        string[] lines = Encoding.UTF8.GetString(StrictJson.ReadBytes(mergesPath, TokenizerFiles.MostBytes)).Split('\n');
        int first = lines[0].StartsWith("#version", StringComparison.Ordinal) ? 1 : 0;
        for (int i = first; i < lines.Length; i++)
        {
            string line = lines[i].TrimEnd('\r');
            if (line.Length > 0)
            {
                model.AddMerge(line, rank: i - first, where: $"{mergesPath}, line {i + 1}");
            }
        }

        return model;
    }

    private void RequireByteLevel(JsonElement bpe)
    {
        string type = bpe.TryGetProperty("type", out JsonElement named) ? TokenizerJson.Text(named) : "BPE";
        Require(type == "BPE", $"holds a {type} model; only BPE is supported");
        Require(!TokenizerJson.Flag(bpe, "byte_fallback"),
            "is a SentencePiece model in another form (BPE with byte fallback); put the tokenizer.model that it was made from beside it");
        Require(!TokenizerJson.Flag(bpe, "ignore_merges"), "sets ignore_merges, which is not supported");
        foreach (string key in (string[])["dropout", "continuing_subword_prefix", "end_of_word_suffix"])
        {
            bool isUnset = Optional(bpe, key) is not JsonElement value || value.GetRawText() == "\"\"";
            Require(isUnset, $"sets {key}, which is not supported");
        }
    }

    private void ReadNormalizer(JsonElement? normalizer)
    {
        foreach (JsonElement step in Steps(normalizer, "normalizers"))
        {
            Require(TypeOf(step) == "NFC", $"has the normalizer {TypeOf(step)}; only NFC is supported");
            NormalizesNfc = true;
        }
    }

    private void ReadPreTokenizer(JsonElement? preTokenizer)
    {
        JsonElement[] steps = [.. Steps(preTokenizer, "pretokenizers")];
        bool isGpt2 = steps is [JsonElement only] && TypeOf(only) == "ByteLevel" && !TokenizerJson.Flag(only, "add_prefix_space")
            && (!only.TryGetProperty("use_regex", out JsonElement usesRegex) || usesRegex.GetBoolean());
        Require(isGpt2, "does not split text as GPT-2 does (ByteLevel without a prefix space); other pre-tokenizers are not supported");
    }

    private void ReadPostProcessor(JsonElement? postProcessor)
    {
        foreach (JsonElement step in Steps(postProcessor, "processors"))
        {
            if (TypeOf(step) == "TemplateProcessing" && step.GetProperty("single").EnumerateArray().FirstOrDefault() is
                { ValueKind: JsonValueKind.Object } first && first.TryGetProperty("SpecialToken", out JsonElement token))
            {
                PrefixToken = TokenizerJson.Text(token.GetProperty("id"));
            }
        }
    }

    private void ReadDecoder(JsonElement? decoder)
    {
        foreach (JsonElement step in Steps(decoder, "decoders"))
        {
            Require(TypeOf(step) == "ByteLevel", $"has the decoder {TypeOf(step)}; only ByteLevel is supported");
        }
    }

    private void ReadVocabulary(JsonElement vocabulary)
    {
        HashSet<int> taken = [];
        foreach (JsonProperty entry in vocabulary.EnumerateObject())
        {
            int id = TokenizerJson.Id(entry.Value);
            Require(Ids.TryAdd(entry.Name, id), $"has the piece '{entry.Name}' twice");
            Require(taken.Add(id), $"gives the id {id} to '{entry.Name}' and to another piece");
        }

        RequireBytes();
    }

    // Every byte that UTF-8 can hold must be a piece, so that every text has ids.
    private void RequireBytes()
    {
        for (int value = 0; value < 256; value++)
        {
            bool occurs = value is not (0xC0 or 0xC1) and <= 0xF4;
            Require(!occurs || Ids.ContainsKey(ByteAlphabet.Spell((byte)value).ToString()),
                $"has no piece for the byte 0x{value:X2}: it is no byte-level vocabulary");
        }
    }

    private void ReadAddedTokens(JsonElement tokens)
    {
        foreach (JsonElement entry in tokens.EnumerateArray())
        {
            Added.Add(TokenizerJson.AddedToken(entry, TokenizerJson.Id(entry.GetProperty("id"))));
        }

        RequireLibraryIds(Added, _path);
    }

    // The Hugging Face library numbers added tokens anew when it reads them: by their piece, else with the next id. Those of the settings
    // that tokenizer.json lacks come after it, by id.
    private void RequireLibraryIds(IEnumerable<AddedToken> added, string where)
    {
        Dictionary<int, string> texts = Ids.ToDictionary(entry => entry.Value, entry => entry.Key);
        int next = Ids.Count;
        foreach (AddedToken token in added)
        {
            bool fits = texts.TryAdd(token.Id, token.Text) || texts[token.Id] == token.Text;
            Require(fits, $"gives the id {token.Id} to '{token.Text}' and to '{texts[token.Id]}'", where);
            int expected = Ids.GetValueOrDefault(token.Text, next);
            Require(token.Id == expected, $"gives the id {token.Id} to '{token.Text}', to which the Hugging Face library gives {expected}", where);
            next = Math.Max(next, expected + 1);
        }
    }

    // Newer files write a merge as an array of two.
    private static string MergeText(JsonElement merge) => merge.ValueKind == JsonValueKind.Array
        ? string.Join(' ', merge.EnumerateArray().Select(TokenizerJson.Text)) : TokenizerJson.Text(merge);

    private void AddMerge(string merge, int rank, string? where = null)
    {
        string[] parts = merge.Split(' ');
        bool isKnown = parts.Length == 2 & Ids.TryGetValue(parts[0], out int left) & Ids.TryGetValue(parts[^1], out int right)
            & Ids.TryGetValue(string.Concat(parts), out int joined);
        Require(isKnown, $"the merge '{merge}' does not join two pieces of the vocabulary to a third", where ?? $"{_path}, merge {rank}");
        Merges.Set(left, right, rank, joined);
    }

    private static string TypeOf(JsonElement step) => TokenizerJson.Text(step.GetProperty("type"));

    private static IEnumerable<JsonElement> Steps(JsonElement? step, string listKey) =>
        step is not JsonElement one ? [] : TypeOf(one) == "Sequence" ? one.GetProperty(listKey).EnumerateArray() : [one];

    private static JsonElement? Optional(JsonElement parent, string key) =>
        parent.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private void Require(bool condition, string complaint, string? where = null)
    {
        if (!condition)
        {
            throw CamelsException.BadInput($"{where ?? _path} {complaint}");
        }
    }
}
