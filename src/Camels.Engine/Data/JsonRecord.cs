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
    public string? OptionalText(string column)
    {
        JsonElement? value = Find(column);
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

    /// <summary>The objects of an array column.</summary>
    public IEnumerable<JsonRecord> Items(string column)
    {
        JsonElement value = Find(column) ?? throw Error(column, "is missing, expected an array");
        if (value.ValueKind != JsonValueKind.Array)
        {
            throw Error(column, $"is {KindName(value)}, expected an array");
        }

        return ItemsOf(column, value);
    }

    public CamelsException Error(string column, string what, Exception? inner = null) =>
        Place.Error($"column \"{Path}{column}\" {what}.", inner);

    private IEnumerable<JsonRecord> ItemsOf(string column, JsonElement array)
    {
        int i = 0;
        foreach (JsonElement item in array.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Object)
            {
                throw Error($"{column}[{i}]", $"is {KindName(item)}, expected an object");
            }

            yield return new JsonRecord(Place, Index, item, $"{Path}{column}[{i}].");
            i++;
        }
    }

    private JsonElement? Find(string column)
    {
        try
        {
            return Element.TryGetProperty(column, out JsonElement value) ? value : null;
        }
        catch (InvalidOperationException broken)    // a column's name with half of a surrogate pair
        {
            throw Place.Error("a column's name is not well-formed Unicode.", broken);
        }
    }

    private static string KindName(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.Number => "a number",
        JsonValueKind.String => "text",
        JsonValueKind.Null => "null",
        _ => "true or false",
    };
}
