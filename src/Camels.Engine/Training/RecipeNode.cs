namespace Camels.Engine.Training;

/// <summary>A value of a recipe as written, with the place (file and line, or flag) that error messages name.</summary>
internal abstract record RecipeNode(string Place)
{
    public abstract string Describe();
}

/// <summary>Text between or outside quotes. Only plain text can be a number, true or false.</summary>
internal sealed record RecipeScalar(string Text, bool IsPlain, string Place) : RecipeNode(Place)
{
    public bool IsEmpty => IsPlain && Text is "" or "~" or "null";

    public override string Describe() => Text.Length > 60 ? $"\"{Text[..60]}…\"" : $"\"{Text}\"";
}

/// <summary>A list.</summary>
internal sealed record RecipeSequence(IReadOnlyList<RecipeNode> Items, string Place) : RecipeNode(Place)
{
    public override string Describe() => "a list";
}

/// <summary>Keys and values, in the order written. Overrides change it in place before it is read.</summary>
internal sealed record RecipeMapping(Dictionary<string, RecipeNode> Values, string Place) : RecipeNode(Place)
{
    public override string Describe() => "a section";
}
