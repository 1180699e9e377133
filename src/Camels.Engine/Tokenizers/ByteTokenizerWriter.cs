using System.Text.Json;

namespace Camels.Engine.Tokenizers;

/// <summary>A token that a written tokenizer has beside the 256 bytes.</summary>
/// <param name="Text">Its text; not empty.</param>
/// <param name="IsSpecial">
/// True: stands for no text and is only parsed where special tokens are (<c>&lt;s&gt;</c>). False: one token for this text wherever it stands, also
/// in a user's message (a chat marker).
/// </param>
public sealed record ExtraToken(string Text, bool IsSpecial);

/// <summary>
/// Writes a byte-level tokenizer without merges: the ids 0 to 255 are the bytes, then come the extra tokens in their order. The folder is
/// read by <see cref="TokenizerFiles"/> and by transformers as it is.
/// </summary>
public static class ByteTokenizerWriter
{
    /// <summary>Writes <c>tokenizer.json</c> and <c>tokenizer_config.json</c>.</summary>
    /// <param name="folder">An existing folder.</param>
    /// <param name="extraTokens">The tokens from id 256 on.</param>
    /// <param name="bos">The text of the token before a document; one of the special ones.</param>
    /// <param name="eos">The text of the token after a document or turn; one of the special ones.</param>
    public static void Write(string folder, IReadOnlyList<ExtraToken> extraTokens, string bos, string eos)
    {
        using (FileStream file = File.Create(Path.Combine(folder, TokenizerFiles.JsonFile)))
        using (Utf8JsonWriter json = new(file, new JsonWriterOptions { Indented = true }))
        {
            WriteTokenizer(json, extraTokens);
        }

        using FileStream configFile = File.Create(Path.Combine(folder, TokenizerSettings.ConfigFile));
        using Utf8JsonWriter config = new(configFile, new JsonWriterOptions { Indented = true });
        config.WriteStartObject();
        config.WriteBoolean("add_bos_token", true);
        config.WriteString("bos_token", bos);
        config.WriteString("eos_token", eos);
        config.WriteBoolean("clean_up_tokenization_spaces", false);
        config.WriteString("tokenizer_class", "PreTrainedTokenizerFast");
        config.WriteEndObject();
    }

    private static void WriteTokenizer(Utf8JsonWriter json, IReadOnlyList<ExtraToken> extraTokens)
    {
        json.WriteStartObject();
        json.WriteString("version", "1.0");
        json.WriteNull("truncation");
        json.WriteNull("padding");
        json.WriteStartArray("added_tokens");
        for (int i = 0; i < extraTokens.Count; i++)
        {
            WriteAddedToken(json, 256 + i, extraTokens[i]);
        }

        json.WriteEndArray();
        json.WriteNull("normalizer");
        WriteByteLevel(json, "pre_tokenizer");
        json.WriteNull("post_processor");
        WriteByteLevel(json, "decoder");
        WriteModel(json, extraTokens);
        json.WriteEndObject();
    }

    private static void WriteAddedToken(Utf8JsonWriter json, int id, ExtraToken token)
    {
        json.WriteStartObject();
        json.WriteNumber("id", id);
        json.WriteString("content", token.Text);
        json.WriteBoolean("single_word", false);
        json.WriteBoolean("lstrip", false);
        json.WriteBoolean("rstrip", false);
        json.WriteBoolean("normalized", false);
        json.WriteBoolean("special", token.IsSpecial);
        json.WriteEndObject();
    }

    private static void WriteByteLevel(Utf8JsonWriter json, string name)
    {
        json.WriteStartObject(name);
        json.WriteString("type", "ByteLevel");
        json.WriteBoolean("add_prefix_space", false);
        json.WriteBoolean("trim_offsets", true);
        json.WriteBoolean("use_regex", true);
        json.WriteEndObject();
    }

    private static void WriteModel(Utf8JsonWriter json, IReadOnlyList<ExtraToken> extraTokens)
    {
        json.WriteStartObject("model");
        json.WriteString("type", "BPE");
        json.WriteNull("dropout");
        json.WriteNull("unk_token");
        json.WriteNull("continuing_subword_prefix");
        json.WriteNull("end_of_word_suffix");
        json.WriteBoolean("fuse_unk", false);
        json.WriteBoolean("byte_fallback", false);
        json.WriteStartObject("vocab");
        for (int value = 0; value < 256; value++)
        {
            json.WriteNumber(ByteAlphabet.Spell((byte)value).ToString(), value);
        }

        for (int i = 0; i < extraTokens.Count; i++)
        {
            json.WriteNumber(extraTokens[i].Text, 256 + i);
        }

        json.WriteEndObject();
        json.WriteStartArray("merges");
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
