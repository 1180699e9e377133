using System.Text.Json.Nodes;

namespace Camels.Engine.Tokenizers;

/// <summary>A token that a written tokenizer has beside the 256 bytes.</summary>
/// <param name="Text">Its text; not empty.</param>
/// <param name="IsSpecial">
/// True: stands for no text and is only parsed where special tokens are (<c>&lt;s&gt;</c>). False: one token for this text wherever it
/// stands, also in a user's message (a chat marker).
/// </param>
public sealed record ExtraToken(string Text, bool IsSpecial);

/// <summary>
/// Writes a byte-level tokenizer without merges: the ids 0 to 255 are the bytes, then come the extra tokens in their order. The folder is
/// read by <see cref="TokenizerFiles"/> and by transformers as it is.
/// </summary>
public static class ByteTokenizerWriter
{
    private const int Bytes = 256;

    /// <summary>Writes <c>tokenizer.json</c> and <c>tokenizer_config.json</c>.</summary>
    /// <param name="folder">An existing folder.</param>
    /// <param name="extraTokens">The tokens from id 256 on.</param>
    /// <param name="bos">The text of the token before a document; one of the special ones.</param>
    /// <param name="eos">The text of the token after a document or turn; one of the special ones.</param>
    public static void Write(string folder, IReadOnlyList<ExtraToken> extraTokens, string bos, string eos)
    {
        File.WriteAllBytes(Path.Combine(folder, TokenizerFiles.JsonFile), JsonText.Of(Tokenizer(extraTokens, bos)));
        File.WriteAllBytes(Path.Combine(folder, TokenizerSettings.ConfigFile), JsonText.Of(new JsonObject
        {
            ["add_bos_token"] = true,
            ["bos_token"] = bos,
            ["eos_token"] = eos,
            ["clean_up_tokenization_spaces"] = false,
            ["tokenizer_class"] = "PreTrainedTokenizerFast",
        }));
    }

    private static JsonObject Tokenizer(IReadOnlyList<ExtraToken> extraTokens, string bos)
    {
        JsonObject vocabulary = [];
        JsonArray added = [];
        for (int value = 0; value < Bytes; value++)
        {
            vocabulary[ByteAlphabet.Spell((byte)value).ToString()] = value;
        }

        foreach (ExtraToken token in extraTokens)
        {
            added.Add(AddedToken(token, id: vocabulary.Count));
            vocabulary[token.Text] = vocabulary.Count;
        }

        return new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = added,
            ["normalizer"] = null,
            ["pre_tokenizer"] = ByteLevel(),
            ["post_processor"] = PrefixedBy(bos, (int)vocabulary[bos]!),
            ["decoder"] = ByteLevel(),
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["dropout"] = null,
                ["unk_token"] = null,
                ["continuing_subword_prefix"] = null,
                ["end_of_word_suffix"] = null,
                ["fuse_unk"] = false,
                ["byte_fallback"] = false,
                ["vocab"] = vocabulary,
                ["merges"] = new JsonArray(),
            },
        };
    }

    private static JsonObject AddedToken(ExtraToken token, int id) => new()
    {
        ["id"] = id,
        ["content"] = token.Text,
        ["single_word"] = false,
        ["lstrip"] = false,
        ["rstrip"] = false,
        ["normalized"] = false,
        ["special"] = token.IsSpecial,
    };

    private static JsonObject ByteLevel() => new()
    {
        ["type"] = "ByteLevel",
        ["add_prefix_space"] = false,
        ["trim_offsets"] = true,
        ["use_regex"] = true,
    };

    private static JsonObject PrefixedBy(string token, int id) => new()
    {
        ["type"] = "TemplateProcessing",
        ["single"] = new JsonArray(SpecialToken(token), Sequence("A")),
        ["pair"] = new JsonArray(SpecialToken(token), Sequence("A"), Sequence("B")),
        ["special_tokens"] = new JsonObject
        {
            [token] = new JsonObject { ["id"] = token, ["ids"] = new JsonArray(id), ["tokens"] = new JsonArray(token) },
        },
    };

    private static JsonObject SpecialToken(string token) => new() { ["SpecialToken"] = new JsonObject { ["id"] = token, ["type_id"] = 0 } };

    private static JsonObject Sequence(string name) => new() { ["Sequence"] = new JsonObject { ["id"] = name, ["type_id"] = 0 } };
}
