using System.Globalization;
using System.Text.Json;

namespace Camels.Engine.Tokenizers;

/// <summary>Reads the JSON files of a tokenizer; whatever is wrong with them becomes one message that names the file.</summary>
internal static class TokenizerJson
{
    /// <summary>Gives the root object of a file to <paramref name="read"/>.</summary>
    /// <exception cref="CamelsException">Exit code 3: no JSON, or not of the layout that <paramref name="read"/> expects.</exception>
    public static void Read(string path, Action<JsonElement> read)
    {
        using JsonDocument document = StrictJson.ReadObject(path, TokenizerFiles.MostBytes);
        try
        {
            read(document.RootElement);
        }
        catch (Exception exception) when (exception is InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw CamelsException.BadInput($"{path} is damaged or not a file of a tokenizer: {exception.Message}", exception);
        }
    }

    /// <summary>An id as a number.</summary>
    public static int Id(JsonElement value) => Checked(value.GetInt64());

    /// <summary>An id as a key.</summary>
    public static int Id(string key) =>
        Checked(long.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out long id) ? id : -1);

    /// <summary>The entry of an added token in tokenizer.json or added_tokens_decoder.</summary>
    public static AddedToken AddedToken(JsonElement entry, int id)
    {
        string text = Content(entry) ?? throw new FormatException("a string is null");
        bool isSpecial = Flag(entry, "special");
        bool isNormalized = entry.TryGetProperty("normalized", out JsonElement normalized) ? normalized.GetBoolean() : !isSpecial;
        return NewAddedToken(id, text, isSpecial, isNormalized);
    }

    /// <summary>The text of a token that is written as an object, or null; flags that change where it is found are refused.</summary>
    public static string? Content(JsonElement entry)
    {
        string? text = entry.GetProperty("content").GetString();
        foreach (string key in (string[])["single_word", "lstrip", "rstrip"])
        {
            if (Flag(entry, key))
            {
                throw new FormatException($"the added token '{text}' has {key}, which is not supported");
            }
        }

        return text;
    }

    /// <summary>An added token with a text to look for.</summary>
    public static AddedToken NewAddedToken(int id, string text, bool isSpecial, bool isNormalized) =>
        text.Length > 0 ? new AddedToken(id, text, isSpecial, isNormalized) : throw new FormatException($"the added token {id} is empty");

    /// <summary>A string; null is none.</summary>
    public static string Text(JsonElement value) => value.GetString() ?? throw new FormatException("a string is null");

    /// <summary>A flag; missing means false.</summary>
    public static bool Flag(JsonElement entry, string key) => entry.TryGetProperty(key, out JsonElement value) && value.GetBoolean();

    private static int Checked(long id) => id is >= 0 and <= Vocabulary.LargestId ? (int)id
        : throw new FormatException($"an id is not in 0 to {Vocabulary.LargestId}");
}
