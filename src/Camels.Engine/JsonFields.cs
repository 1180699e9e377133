using System.Globalization;
using System.Text.Json;

namespace Camels.Engine;

/// <summary>The fields of a JSON object, each read with the values that are accepted; what is not is refused by name and value.</summary>
internal sealed class JsonFields(JsonElement element, string path)
{
    private const int ShownCharacters = 60;

    /// <summary>The names of all fields, in their order.</summary>
    public IEnumerable<string> Names => element.EnumerateObject().Select(property => property.Name);

    /// <summary>True where the object has no such field.</summary>
    public bool IsMissing(string name) => !element.TryGetProperty(name, out _);

    /// <summary>True where the object has no such field or a null.</summary>
    public bool IsMissingOrNull(string name) => !element.TryGetProperty(name, out JsonElement value) || value.ValueKind == JsonValueKind.Null;

    /// <summary>True where the field is a list.</summary>
    public bool IsList(string name) => element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Array;

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

    /// <summary>A string; refused where the field is missing or null.</summary>
    public string RequiredText(string name) => Text(name) ?? throw Refused(name, "a string");

    /// <summary>An object, or null where the field is missing or null.</summary>
    public JsonFields? Object(string name)
    {
        if (IsMissingOrNull(name))
        {
            return null;
        }

        JsonElement value = element.GetProperty(name);
        return value.ValueKind == JsonValueKind.Object ? Inner(value, name) : throw Refused(name, "an object or null");
    }

    /// <summary>An object; refused where the field is missing or null.</summary>
    public JsonFields RequiredObject(string name) => Object(name) ?? throw Refused(name, "an object");

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

    /// <summary>A finite number, or null where the field is missing or null.</summary>
    public double? Number(string name)
    {
        if (IsMissingOrNull(name))
        {
            return null;
        }

        JsonElement value = element.GetProperty(name);
        return IsFinite(value) ? value.GetDouble() : throw Refused(name, "a finite number");
    }

    /// <summary>A finite number; <paramref name="missing"/> where the field is missing or null.</summary>
    public double Number(string name, double missing) => Number(name) ?? missing;

    /// <summary>A finite number; refused where the field is missing or null.</summary>
    public double RequiredNumber(string name) => Number(name) ?? throw Refused(name, "a finite number");

    /// <summary>A list of finite numbers.</summary>
    public double[] Numbers(string name) =>
        [.. Items(name, "a list of finite numbers", item => IsFinite(item)).Select(item => item.GetDouble())];

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

    /// <summary>A list of integers of a range.</summary>
    public int[] IntegerList(string name, int smallest, int largest) =>
    [
        .. Items(name, $"a list, each item {Range(smallest, largest)}", item => IsInteger(item, smallest, largest, out _)).Select(item => (int)item.GetDouble()),
    ];

    /// <summary>An integer, a list of integers, or null or missing for none.</summary>
    public int[] Integers(string name, int smallest, int largest) =>
        IsMissingOrNull(name) ? [] : IsList(name) ? IntegerList(name, smallest, largest) : [Integer(name, smallest, largest)];

    /// <summary>A list of strings.</summary>
    public IReadOnlyList<string> Texts(string name) =>
        [.. Items(name, "a list of strings", item => item.ValueKind == JsonValueKind.String).Select(item => item.GetString()!)];

    /// <summary>True where the field is missing, null, or an object or list without entries.</summary>
    public bool IsEmpty(string name) => !element.TryGetProperty(name, out JsonElement value) || value.ValueKind switch
    {
        JsonValueKind.Null => true,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => value.GetPropertyCount() == 0,
        _ => false,
    };

    /// <summary>A list of objects.</summary>
    public IReadOnlyList<JsonFields> Objects(string name) =>
    [
        .. Items(name, "a list of objects", item => item.ValueKind == JsonValueKind.Object).Select((item, index) => Inner(item, $"{name}[{index}]")),
    ];

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
        string shown = element.TryGetProperty(name, out JsonElement value) ? Shown(value) : "missing";
        return CamelsException.BadInput($"{path}: {name} is {shown}; accepted: {accepted}");
    }

    /// <summary>The beginning of a field as it is written in the file.</summary>
    public string Shown(string name) => Shown(element.GetProperty(name));

    private static string Shown(JsonElement value)
    {
        string text = value.GetRawText().ReplaceLineEndings(" ");
        return text.Length > ShownCharacters ? text[..ShownCharacters] + "…" : text;
    }

    // Messages name the way to a field: "manifest.json, train, steps[1]: loss is missing".
    private JsonFields Inner(JsonElement value, string name) => new(value, $"{path}, {name}");

    private IEnumerable<JsonElement> Items(string name, string accepted, Func<JsonElement, bool> isItem) =>
        element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(isItem)
            ? value.EnumerateArray()
            : throw Refused(name, accepted);

    private static bool IsFinite(JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && double.IsFinite(number);

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
