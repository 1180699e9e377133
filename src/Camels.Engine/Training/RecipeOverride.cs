namespace Camels.Engine.Training;

/// <summary>A value given on the command line, which replaces or adds to what the recipe file says.</summary>
public sealed class RecipeOverride
{
    private readonly string _keyPath;
    private readonly RecipeNode _value;

    private RecipeOverride(string keyPath, RecipeNode value)
    {
        _keyPath = keyPath;
        _value = value;
    }

    /// <summary>Reads <c>key.path=value</c> of <c>--set</c>; the value is YAML.</summary>
    public static RecipeOverride FromSet(string assignment)
    {
        int equals = assignment.IndexOf('=');
        return equals < 1
            ? throw CamelsException.Usage($"--set {assignment} has no value; write --set KEY=VALUE, for example --set training.seed=7")
            : new RecipeOverride(assignment[..equals], RecipeYaml.ParseValue(assignment[(equals + 1)..], $"--set {assignment}"));
    }

    /// <summary>The value of a flag of its own, such as <c>--batch-size</c>.</summary>
    public static RecipeOverride FromFlag(string flag, string keyPath, string value) =>
        new(keyPath, new RecipeScalar(value, IsPlain: true, $"{flag} {value}"));

    /// <summary><c>--data</c>: these sources instead of the file's.</summary>
    public static RecipeOverride FromSources(IReadOnlyList<string> specs) =>
        new("data.sources", new RecipeSequence([.. specs.Select(SourceNode)], "--data"));

    /// <summary>Puts the value into the tree, making the sections on the way. Of two ways to say one thing the override's wins.</summary>
    internal void Apply(RecipeMapping root)
    {
        string[] keys = _keyPath.Split('.');
        RecipeMapping section = root;
        foreach (string key in keys[..^1])
        {
            if (!section.Values.TryGetValue(key, out RecipeNode? child) || child is RecipeScalar { IsEmpty: true })
            {
                child = new RecipeMapping([], _value.Place);
                section.Values[key] = child;
            }

            section = child as RecipeMapping
                ?? throw CamelsException.Usage($"{_value.Place}: {key} is {child.Describe()} in the recipe, not a section with the key {_keyPath}");
        }

        section.Values[keys[^1]] = _value;
        foreach (string alternative in Alternatives(_keyPath))
        {
            section.Values.Remove(alternative);
        }
    }

    private static string[] Alternatives(string keyPath) => keyPath switch
    {
        "training.steps" => ["epochs"],
        "training.epochs" => ["steps"],
        "training.warmup_steps" => ["warmup_ratio"],
        "training.warmup_ratio" => ["warmup_steps"],
        "model.path" => ["family", "size", "initialize"],
        _ => [],
    };

    private static RecipeMapping SourceNode(string spec)
    {
        int equals = spec.IndexOf('=');
        string path = spec[(equals + 1)..];
        if (equals < 1 || path.Length == 0)
        {
            throw CamelsException.Usage(
                $"--data {spec} is not a source; write DATASET=PATH or DATASET=PATH:EXAMPLES, for example alpaca=alpaca_data.json:1000");
        }

        string place = $"--data {spec}";
        Dictionary<string, RecipeNode> values = new() { ["dataset"] = new RecipeScalar(spec[..equals], IsPlain: false, place) };
        int colon = path.LastIndexOf(':');
        if (colon > 0 && colon + 1 < path.Length && path.AsSpan(colon + 1).IndexOfAnyExceptInRange('0', '9') < 0)
        {
            values["examples"] = new RecipeScalar(path[(colon + 1)..], IsPlain: true, place);
            path = path[..colon];
        }

        values["path"] = new RecipeScalar(path, IsPlain: false, place);
        return new RecipeMapping(values, place);
    }
}
