using System.Text.Json;

namespace Camels.Engine.Data;

/// <summary>
/// One object of a data file with typed access to its columns; every failure names file, line, record and column (exit code 3).
/// Valid until the next record is read.
/// </summary>
/// <param name="Place">Where the record stands.</param>
/// <param name="Index">Number of the record in its source over all files, from 0.</param>
/// <param name="Element">The object.</param>
/// <param name="Path">Columns that lead to a nested object, with a dot at the end ("messages[2]."); empty for the record itself.</param>
internal readonly record struct JsonRecord(RecordPlace Place, long Index, JsonElement Element, string Path)
{
    public string Text(string column) => OptionalText(column) ?? throw Error(column, "is missing or null, expected text");

    /// <summary>The text, or null where the column is absent or null.</summary>
    public string? OptionalText(string column) => TextOf(column, Find(column));

    /// <summary>The text, or the first of an array of texts; null where there is none.</summary>
    public string? FirstText(string column) => FirstTextOf(column, Find(column));

    /// <summary>The text that <paramref name="value"/> is, or the first of the texts that it holds; null where there is none.</summary>
    public string? FirstTextOf(string column, JsonElement? value) =>
        value is not { ValueKind: JsonValueKind.Array } several
            ? TextOf(column, value)
            : several.GetArrayLength() == 0 ? null : TextOf($"{column}[0]", several[0]);

    /// <summary>The text that <paramref name="value"/> is, or null where it is absent or null; errors call it <paramref name="column"/>.</summary>
    public string? TextOf(string column, JsonElement? value)
    {
        if (value is not { ValueKind: not JsonValueKind.Null } present)
        {
            return null;
        }

        if (present.ValueKind != JsonValueKind.String)
        {
            throw Error(column, $"is {KindName(present)}, expected text");
        }

        try
        {
            return present.GetString();
        }
        catch (InvalidOperationException broken)    // an escape such as \ud800 alone
        {
            throw Error(column, "is not well-formed Unicode (half of a surrogate pair)", broken);
        }
    }

    /// <summary>The object of a column.</summary>
    public JsonRecord Item(string column) => ItemOf(column, Find(column) ?? throw Error(column, "is missing, expected an object"));

    /// <summary>The object that <paramref name="value"/> is; errors call it <paramref name="column"/>.</summary>
    public JsonRecord ItemOf(string column, JsonElement value) =>
        value.ValueKind == JsonValueKind.Object
            ? this with { Element = value, Path = $"{Path}{column}." }
            : throw Error(column, $"is {KindName(value)}, expected an object");

    /// <summary>The objects of an array column.</summary>
    public IEnumerable<JsonRecord> Items(string column) => ItemsOf(column, ArrayOf(column, Find(column)));

    /// <summary>Throws unless <paramref name="value"/> is an array; errors call it <paramref name="column"/>.</summary>
    public JsonElement ArrayOf(string column, JsonElement? value)
    {
        JsonElement present = value ?? throw Error(column, "is missing, expected an array");
        return present.ValueKind == JsonValueKind.Array ? present : throw Error(column, $"is {KindName(present)}, expected an array");
    }

    /// <summary>A member of an object, or null where it has none of that name.</summary>
    public static JsonElement? Member(RecordPlace place, JsonElement element, string name)
    {
        try
        {
            return element.TryGetProperty(name, out JsonElement value) ? value : null;
        }
        catch (InvalidOperationException broken)    // a column's name with half of a surrogate pair
        {
            throw place.Error("a column's name is not well-formed Unicode.", broken);
        }
    }

    /// <summary>What a value is, for messages.</summary>
    public static string KindName(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.Number => "a number",
        JsonValueKind.String => "text",
        JsonValueKind.Null => "null",
        _ => "true or false",
    };

    /// <summary>A bad-input error (exit code 3) about a column.</summary>
    public CamelsException Error(string column, string what, Exception? inner = null) =>
        Place.Error($"column \"{Path}{column}\" {what}.", inner);

    /// <summary>The objects of an array; errors call it <paramref name="column"/>.</summary>
    public IEnumerable<JsonRecord> ItemsOf(string column, JsonElement array)
    {
        int i = 0;
        foreach (JsonElement item in array.EnumerateArray())
        {
            yield return ItemOf($"{column}[{i}]", item);
            i++;
        }
    }

    /// <summary>The column's value, or null where it is absent.</summary>
    public JsonElement? Find(string column) => Member(Place, Element, column);
}
