using System.Globalization;
using System.Text.Json;

namespace Camels.Engine.Data;

/// <summary>
/// Where a value stands in a record: names joined by dots, [2] for an element, ["a name"] for a name with dots or spaces. A path that begins
/// with $ starts at the record, another at the item in hand.
/// </summary>
internal sealed class JsonPath
{
    private readonly string _text;
    private readonly bool _isFromRecord;
    private readonly List<(string? Name, int Element)> _steps = [];

    private JsonPath(string text)
    {
        _text = text;
        _isFromRecord = text.StartsWith('$');
        ReadOnlySpan<char> rest = _isFromRecord ? text.AsSpan(1) : text;
        bool isFirst = !_isFromRecord;
        while (!rest.IsEmpty)
        {
            rest = rest[0] == '[' ? TakeBracket(rest) : TakeName(isFirst ? rest : rest[0] == '.' ? rest[1..] : throw Wrong());
            isFirst = false;
        }

        if (_steps.Count == 0 && !_isFromRecord)
        {
            throw Wrong();
        }
    }

    /// <summary>Reads a path; one that is none is exit code 2.</summary>
    public static JsonPath Parse(string text) => new(text);

    /// <summary>The same where a path may be left out.</summary>
    public static JsonPath? ParseOptional(string? text) => text is null ? null : new JsonPath(text);

    public override string ToString() => _text;

    /// <summary>The value, or null where there is none: an array is too short, or a value on the way or at the end is null.</summary>
    /// <param name="record">The record.</param>
    /// <param name="item">The item in hand; may be the record.</param>
    /// <param name="isOptional">A name may be absent, too; otherwise the file is not what it was taken for, and that is exit code 3.</param>
    public JsonElement? Find(JsonRecord record, JsonElement item, bool isOptional = false)
    {
        JsonElement value = _isFromRecord ? record.Element : item;
        foreach ((string? name, int element) in _steps)
        {
            JsonElement? next = name is null ? Element(record, value, element) : Member(record, value, name, isOptional);
            if (next is not { ValueKind: not JsonValueKind.Null } found)
            {
                return null;
            }

            value = found;
        }

        return value;
    }

    private JsonElement? Member(JsonRecord record, JsonElement value, string name, bool isOptional)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            throw record.Error(_text, $"asks for \"{name}\" of {JsonRecord.KindName(value)}");
        }

        JsonElement? member = JsonRecord.Member(record.Place, value, name);
        return member is not null || isOptional ? member : throw record.Error(_text, "is missing");
    }

    private JsonElement? Element(JsonRecord record, JsonElement value, int element)
    {
        if (value.ValueKind != JsonValueKind.Array)
        {
            throw record.Error(_text, string.Create(CultureInfo.InvariantCulture, $"asks for element {element} of {JsonRecord.KindName(value)}"));
        }

        return element < value.GetArrayLength() ? value[element] : null;
    }

    private ReadOnlySpan<char> TakeName(ReadOnlySpan<char> rest)
    {
        int end = rest.IndexOfAny('.', '[');
        ReadOnlySpan<char> name = end < 0 ? rest : rest[..end];
        if (name.IsEmpty)
        {
            throw Wrong();
        }

        _steps.Add((name.ToString(), 0));
        return rest[name.Length..];
    }

    private ReadOnlySpan<char> TakeBracket(ReadOnlySpan<char> rest)
    {
        if (rest.StartsWith("[\""))
        {
            int quote = rest[2..].IndexOf("\"]");
            _steps.Add(quote < 0 ? throw Wrong() : (rest.Slice(2, quote).ToString(), 0));
            return rest[(quote + 4)..];
        }

        int close = rest.IndexOf(']');
        return close > 0 && int.TryParse(rest[1..close], NumberStyles.None, CultureInfo.InvariantCulture, out int element)
            ? Add(element, rest[(close + 1)..])
            : throw Wrong();
    }

    private ReadOnlySpan<char> Add(int element, ReadOnlySpan<char> rest)
    {
        _steps.Add((null, element));
        return rest;
    }

    private CamelsException Wrong() => CamelsException.Usage(
        $"\"{_text}\" is not a path in a record; write a name, names joined by dots, outputs[0] for an element, or [\"a name\"] for any name.");
}
