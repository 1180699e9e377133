using System.Globalization;
using System.Text.Json;

namespace Camels.Engine;

/// <summary>The fields of a JSON object, each read with the values that are accepted; what is not is refused by name and value.</summary>
internal sealed class JsonFields(JsonElement element, string path)
{
    private const int ShownCharacters = 60;

    /// <summary>True where the object has no such field.</summary>
    public bool IsMissing(string name) => !element.TryGetProperty(name, out _);

    /// <summary>True where the object has no such field or a null.</summary>
    public bool IsMissingOrNull(string name) => !element.TryGetProperty(name, out JsonElement value) || value.ValueKind == JsonValueKind.Null;

    /// <summary>A string, or null where the field is missing or null.</summary>
    public string? Text(string name)
    {
        if (IsMissingOrNull(name))
        {
            return null;
        }

        JsonElement value = element.GetProperty(name);
        return value.ValueKind == JsonValueKind.String ? value.GetString() : throw Refused(name, "a string");
    }

    /// <summary>An object, or null where the field is missing or null.</summary>
    public JsonFields? Object(string name)
    {
        if (IsMissingOrNull(name))
        {
            return null;
        }

        JsonElement value = element.GetProperty(name);
        return value.ValueKind == JsonValueKind.Object ? new JsonFields(value, path) : throw Refused(name, "an object or null");
    }

    /// <summary>true or false; <paramref name="missing"/> where the field is missing or null.</summary>
    public bool Flag(string name, bool missing)
    {
        if (IsMissingOrNull(name))
        {
            return missing;
        }

        JsonElement value = element.GetProperty(name);
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw Refused(name, "true or false");
    }

    /// <summary>A finite number; <paramref name="missing"/> where the field is missing or null.</summary>
    public double Number(string name, double missing)
    {
        if (IsMissingOrNull(name))
        {
            return missing;
        }

        JsonElement value = element.GetProperty(name);
        bool isFinite = value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && double.IsFinite(number);
        return isFinite ? value.GetDouble() : throw Refused(name, "a finite number");
    }

    /// <summary>A number above 0 and at most <paramref name="largest"/>; <paramref name="missing"/> where the field is missing or null.</summary>
    public double Positive(string name, double largest, double missing)
    {
        double number = Number(name, missing);
        Require(name, number > 0 && number <= largest, string.Create(CultureInfo.InvariantCulture, $"a number above 0 and at most {largest}"));
        return number;
    }

    /// <summary>An integer of a range. Where the field is missing or null it is <paramref name="missing"/>, or refused if that is null.</summary>
    public int Integer(string name, int smallest, int largest, int? missing = null)
    {
        if (IsMissingOrNull(name) && missing is int standard)
        {
            return standard;
        }

        return (int)Integer64(name, smallest, largest);
    }

    /// <summary>An integer of a range inside ±2^53; refused where the field is missing.</summary>
    public long Integer64(string name, long smallest, long largest) =>
        !IsMissing(name) && IsInteger(element.GetProperty(name), smallest, largest, out long number)
            ? number
            : throw Refused(name, Range(smallest, largest));

    /// <summary>An integer, a list of integers, or null for none.</summary>
    public int[] Integers(string name, int smallest, int largest)
    {
        JsonElement value = element.GetProperty(name);
        if (value.ValueKind == JsonValueKind.Null)
        {
            return [];
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            return [Integer(name, smallest, largest)];
        }

        List<int> numbers = [];
        foreach (JsonElement item in value.EnumerateArray())
        {
            numbers.Add(IsInteger(item, smallest, largest, out long number) ? (int)number : throw Refused(name, "only " + Range(smallest, largest)));
        }

        return [.. numbers];
    }

    /// <summary>A list of strings.</summary>
    public IReadOnlyList<string> Texts(string name)
    {
        bool isList = element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Array;
        return isList && value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String)
            ? [.. value.EnumerateArray().Select(item => item.GetString()!)]
            : throw Refused(name, "a list of strings");
    }

    /// <summary>True where the field is missing, null, or an object or list without entries.</summary>
    public bool IsEmpty(string name) => !element.TryGetProperty(name, out JsonElement value) || value.ValueKind switch
    {
        JsonValueKind.Null => true,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => value.GetPropertyCount() == 0,
        _ => false,
    };

    /// <summary>A list of objects.</summary>
    public IReadOnlyList<JsonFields> Objects(string name)
    {
        bool isList = element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Array;
        return isList && value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Object)
            ? [.. value.EnumerateArray().Select(item => new JsonFields(item, path))]
            : throw Refused(name, "a list of objects");
    }

    /// <summary>Refuses the field unless <paramref name="holds"/>.</summary>
    public void Require(string name, bool holds, string accepted)
    {
        if (!holds)
        {
            throw Refused(name, accepted);
        }
    }

    /// <summary>The exception for a field: its value and what would be accepted.</summary>
    public CamelsException Refused(string name, string accepted)
    {
        if (!element.TryGetProperty(name, out JsonElement value))
        {
            return CamelsException.BadInput($"{path}: {name} is missing; accepted: {accepted}");
        }

        string text = value.GetRawText().ReplaceLineEndings(" ");
        string shown = text.Length > ShownCharacters ? text[..ShownCharacters] + "…" : text;
        return CamelsException.BadInput($"{path}: {name} is {shown}; accepted: {accepted}");
    }

    // 512.0 is an integer too: some writers know one kind of number only.
    private static bool IsInteger(JsonElement value, long smallest, long largest, out long number)
    {
        number = 0;
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out double real) || real < smallest || real > largest)
        {
            return false;
        }

        number = (long)real;
        return number == real;
    }

    private static string Range(long smallest, long largest) =>
        string.Create(CultureInfo.InvariantCulture, $"an integer from {smallest} to {largest}");
}
