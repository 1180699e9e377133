namespace Camels.Engine.Data;

/// <summary>
/// Where a dataset that Camels does not know has its fields. Values are paths in a record (see the documentation of recipes); exactly one of
/// <see cref="Instruction"/>, <see cref="Prompt"/>, <see cref="Messages"/> and <see cref="Tree"/> is given.
/// </summary>
public sealed record DatasetMap
{
    /// <summary>Names of speakers that need no <see cref="Roles"/>.</summary>
    public static IReadOnlyDictionary<string, Role> CommonRoles { get; } = new Dictionary<string, Role>
    {
        ["system"] = Role.System,
        ["user"] = Role.User,
        ["human"] = Role.User,
        ["assistant"] = Role.Assistant,
        ["gpt"] = Role.Assistant,
    };

    /// <summary>An array in a record, each item of which gives a conversation; null: the record does.</summary>
    public string? Each { get; init; }

    /// <summary>What to do; dressed by the weighted instruction templates.</summary>
    public string? Instruction { get; init; }

    /// <summary>What to do it with; beside <see cref="Instruction"/>, may be absent or empty in a record.</summary>
    public string? Input { get; init; }

    /// <summary>The user's message as it is.</summary>
    public string? Prompt { get; init; }

    /// <summary>The answer to <see cref="Instruction"/> or <see cref="Prompt"/>.</summary>
    public string? Output { get; init; }

    /// <summary>An array of messages: objects, or texts that are the user's and the assistant's in turn.</summary>
    public string? Messages { get; init; }

    /// <summary>The root of a tree of messages.</summary>
    public string? Tree { get; init; }

    /// <summary>The array of replies inside a message of a tree.</summary>
    public string? Replies { get; init; }

    /// <summary>The speaker's name inside a message; null where messages are texts.</summary>
    public string? Speaker { get; init; }

    /// <summary>The text inside a message; null where messages are texts.</summary>
    public string? Content { get; init; }

    /// <summary>A system message beside <see cref="Messages"/>, <see cref="Prompt"/> or <see cref="Tree"/>; may be absent or empty in a record.</summary>
    public string? System { get; init; }

    /// <summary>Who speaks, by the name in <see cref="Speaker"/>.</summary>
    public IReadOnlyDictionary<string, Role> Roles { get; init; } = CommonRoles;

    /// <summary>A text that ends answers and is not part of them, such as &lt;|endoftext|&gt;.</summary>
    public string? EndMarker { get; init; }

    /// <summary>An answer without what ends it.</summary>
    internal string WithoutEndMarker(string answer)
    {
        ReadOnlySpan<char> text = PlainText.StripEnd(answer);
        return EndMarker is { Length: > 0 } && text.EndsWith(EndMarker, StringComparison.Ordinal) ? text[..^EndMarker.Length].ToString() : answer;
    }

    /// <summary>Throws (exit code 2) what is no map of anything.</summary>
    /// <param name="place">What messages begin with.</param>
    public void Check(string place)
    {
        (string Name, string? Path)[] forms = [("instruction", Instruction), ("prompt", Prompt), ("messages", Messages), ("tree", Tree)];
        if (forms.Count(form => form.Path is not null) != 1)
        {
            throw CamelsException.Usage($"{place}: a map has exactly one of {string.Join(", ", forms.Select(form => form.Name))}; for example "
                + "{instruction: question, output: answer} or {messages: conversations, role: from, content: value}");
        }

        bool isPair = Instruction is not null || Prompt is not null;
        Require(isPair == (Output is not null), "output goes with instruction or prompt, which need it");
        Require(Input is null || Instruction is not null, "input goes with instruction");
        Require((Speaker is null) == (Content is null), "role and content go together");
        Require(Speaker is null || !isPair, "role and content go with messages or tree");
        Require(Tree is null || Speaker is not null, "tree needs role and content");
        Require((Tree is null) == (Replies is null), "replies goes with tree, which needs it");
        Require(System is null || Instruction is null, "system goes with prompt, messages or tree");
        foreach (string? path in new[] { Each, Instruction, Input, Prompt, Output, Messages, Tree, System })
        {
            _ = path is null ? null : JsonPath.Parse(path);
        }

        void Require(bool holds, string rule)
        {
            if (!holds)
            {
                throw CamelsException.Usage($"{place}: {rule}");
            }
        }
    }
}
