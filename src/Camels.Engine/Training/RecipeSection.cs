using System.Globalization;

namespace Camels.Engine.Training;

/// <summary>Reads the keys of one section, remembers which were asked for, and refuses the rest.</summary>
internal sealed class RecipeSection(RecipeMapping mapping, string path)
{
    private readonly List<string> _known = [];       // in the order of asking, which messages keep

    /// <summary>Where the section, or one of its keys where present, stands.</summary>
    public string Place(string? key = null) =>
        key is not null && mapping.Values.TryGetValue(key, out RecipeNode? node) ? node.Place : mapping.Place;

    /// <summary>The full path of a key.</summary>
    public string PathOf(string key) => path.Length == 0 ? key : $"{path}.{key}";

    /// <summary>True where the key is written, with or without a value.</summary>
    public bool Has(string key) => Take(key) is not null;

    public string? Text(string key) => Scalar(key)?.Text;

    public string RequiredText(string key, string example) => Text(key) ?? throw Missing(key, example);

    public CamelsException Missing(string key, string example) =>
        CamelsException.Usage($"{mapping.Place}: {PathOf(key)} is missing; for example {key}: {example}");

    public bool Boolean(string key, bool fallback) => Scalar(key) switch
    {
        null => fallback,
        { IsPlain: true, Text: "true" } => true,
        { IsPlain: true, Text: "false" } => false,
        RecipeScalar other => throw Wrong(key, other, "true or false"),
    };

    public long? Integer(string key, long least, long most = int.MaxValue)
    {
        RecipeScalar? scalar = Scalar(key);
        if (scalar is null)
        {
            return null;
        }

        bool isWhole = long.TryParse(scalar.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value);
        return isWhole && scalar.IsPlain && value >= least && value <= most
            ? value
            : throw Wrong(key, scalar, $"a whole number from {least} to {most}");
    }

    public int IntegerOr(int fallback, string key, int least) => (int)(Integer(key, least) ?? fallback);

    /// <summary>A number in [least, below), finite.</summary>
    public double Number(string key, double fallback, double least, double below = double.PositiveInfinity)
    {
        RecipeScalar? scalar = Scalar(key);
        if (scalar is null)
        {
            return fallback;
        }

        bool isNumber = double.TryParse(scalar.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value);
        string upTo = double.IsInfinity(below) ? "" : $" and below {below.ToString(CultureInfo.InvariantCulture)}";
        return isNumber && scalar.IsPlain && double.IsFinite(value) && value >= least && value < below
            ? value
            : throw Wrong(key, scalar, $"a number of at least {least.ToString(CultureInfo.InvariantCulture)}{upTo}");
    }

    /// <summary>One of the names; <paramref name="later"/> are names of the contract that this version cannot do yet.</summary>
    public TValue Choice<TValue>(string key, TValue fallback, IReadOnlyDictionary<string, TValue> names, params ReadOnlySpan<string> later)
        where TValue : struct
    {
        RecipeScalar? scalar = Scalar(key);
        if (scalar is null)
        {
            return fallback;
        }

        if (names.TryGetValue(scalar.Text, out TValue value))
        {
            return value;
        }

        string accepted = string.Join(" | ", names.Keys);
        throw later.Contains(scalar.Text)
            ? NotAvailable(key, $"{PathOf(key)}: {scalar.Text}", accepted)
            : Wrong(key, scalar, accepted, Suggestion.For(scalar.Text, names.Keys));
    }

    /// <summary>All keys of a section whose keys the user names.</summary>
    public IReadOnlyDictionary<string, TValue> Choices<TValue>(IReadOnlyDictionary<string, TValue> names)
        where TValue : struct =>
        mapping.Values.Keys.ToDictionary(key => key, key => Choice(key, default(TValue), names));

    /// <summary>The error for what the contract names and this version cannot do.</summary>
    public CamelsException NotAvailable(string key, string what, string accepted) =>
        CamelsException.Usage($"{Place(key)}: {what} is not available yet; accepted now: {accepted}");

    /// <summary>A subsection; absent and empty ones have no keys.</summary>
    public RecipeSection Section(string key)
    {
        RecipeNode? node = Take(key);
        return node switch
        {
            null => new RecipeSection(new RecipeMapping([], mapping.Place), PathOf(key)),
            RecipeScalar { IsEmpty: true } => new RecipeSection(new RecipeMapping([], node.Place), PathOf(key)),
            RecipeMapping section => new RecipeSection(section, PathOf(key)),
            _ => throw Wrong(key, node, "a section of keys"),
        };
    }

    /// <summary>The sections of a list, or null where the key is absent.</summary>
    public IReadOnlyList<RecipeSection>? Sections(string key)
    {
        RecipeNode? node = Take(key);
        return node switch
        {
            null => null,
            RecipeSequence { Items: IReadOnlyList<RecipeNode> items } => [.. items.Select((item, index) => item is RecipeMapping section
                ? new RecipeSection(section, $"{PathOf(key)}[{index}]")
                : throw CamelsException.Usage($"{item.Place}: {PathOf(key)}[{index}] is {item.Describe()}, expected a section of keys"))],
            _ => throw Wrong(key, node, "a list"),
        };
    }

    /// <summary>A text or a list of texts, or null where the key is absent.</summary>
    public IReadOnlyList<string>? Texts(string key)
    {
        RecipeNode? node = Take(key);
        RecipeNode[] items = node switch
        {
            null => [],
            RecipeSequence { Items: { Count: > 0 } list } => [.. list],
            RecipeScalar => [node],
            _ => throw Wrong(key, node, "a text or a list of texts"),
        };
        return node is null
            ? null
            : [.. items.Select(item => item is RecipeScalar { IsEmpty: false } scalar ? scalar.Text : throw Wrong(key, item, "a text or a list of texts"))];
    }

    /// <summary>Refuses keys that nobody asked for.</summary>
    public void Finish()
    {
        foreach ((string key, RecipeNode node) in mapping.Values)
        {
            if (!_known.Contains(key))
            {
                string where = path.Length == 0 ? "a recipe" : path;
                throw CamelsException.Usage(
                    $"{node.Place}: unknown key {PathOf(key)} (value {node.Describe()}){Suggestion.For(key, _known)}; "
                    + $"{where} takes {string.Join(", ", _known)}");
            }
        }
    }

    private CamelsException Wrong(string key, RecipeNode node, string accepted, string suggestion = "") =>
        CamelsException.Usage($"{node.Place}: {PathOf(key)} is {node.Describe()}, expected {accepted}{suggestion}");

    private RecipeScalar? Scalar(string key)
    {
        RecipeNode? node = Take(key);
        return node switch
        {
            null => null,
            RecipeScalar { IsEmpty: true } => throw Wrong(key, node, "a value; leave the key out for its default"),
            RecipeScalar scalar => scalar,
            _ => throw Wrong(key, node, "a single value"),
        };
    }

    private RecipeNode? Take(string key)
    {
        if (!_known.Contains(key))
        {
            _known.Add(key);
        }

        return mapping.Values.GetValueOrDefault(key);
    }
}
