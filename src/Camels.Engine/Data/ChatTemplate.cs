namespace Camels.Engine.Data;

/// <summary>What stands around the content of one role's messages.</summary>
/// <param name="Before">Text before the content.</param>
/// <param name="After">Text after the content (after the end of an assistant's), dropped at the end of a document.</param>
public readonly record struct MessageFrame(string Before, string After);

/// <summary>
/// How a conversation is written for a model: for each role a text with <c>{content}</c> where the stripped message goes. <c>{eos}</c> is
/// the token that ends an answer, <c>{bos}</c> the token that starts documents (nothing where the tokenizer puts none).
/// <see cref="TemplateEncoder"/> turns it into ids, <see cref="JinjaTemplate"/> into the form that others read.
/// </summary>
public sealed record ChatTemplate
{
    internal const string Content = "{content}";
    internal const string Eos = "{eos}";
    internal const string Bos = "{bos}";

    private const string AlpacaPreamble =
        "Below is an instruction that describes a task. Write a response that appropriately completes the request.";

    private const string VicunaPreamble = "A chat between a curious user and an artificial intelligence assistant. "
        + "The assistant gives helpful, detailed, and polite answers to the user's questions.";

    // The strings are those that the models of these names were published with.
    private static readonly ChatTemplate[] _templates =
    [
        new()
        {
            Name = "tulu",
            System = "<|system|>\n{content}\n",
            User = "<|user|>\n{content}\n",
            Assistant = "<|assistant|>\n{content}{eos}\n",
        },
        new()
        {
            Name = "llama2",
            System = "[INST] <<SYS>>\n{content}\n<</SYS>>\n\n",
            User = "[INST] {content} [/INST]",
            UserAfterSystem = "{content} [/INST]",
            UserAfterAnswer = "{bos}[INST] {content} [/INST]",
            Assistant = " {content} {eos}",
        },
        new()
        {
            Name = "chatml",
            System = "<|im_start|>system\n{content}<|im_end|>\n",
            User = "<|im_start|>user\n{content}<|im_end|>\n",
            Assistant = "<|im_start|>assistant\n{content}{eos}\n",
            EndToken = "<|im_end|>",
        },
        new()
        {
            Name = "vicuna",
            System = "{content}",
            DefaultSystem = VicunaPreamble,
            User = "USER: {content}",
            UserAfterSystem = " USER: {content}",
            Assistant = " ASSISTANT: {content}{eos}",
        },
        new()
        {
            Name = "zephyr",
            System = "<|system|>\n{content}{eos}\n",
            User = "<|user|>\n{content}{eos}\n",
            Assistant = "<|assistant|>\n{content}{eos}\n",
        },
        new()
        {
            Name = "alpaca",
            System = "{content}\n\n",
            DefaultSystem = AlpacaPreamble,
            User = "### Instruction:\n{content}\n\n",
            Assistant = "### Response:\n{content}{eos}\n\n",
        },
        new()
        {
            Name = "plain",
            System = "{content}\n",
            User = "{content}\n",
            Assistant = "{content}{eos}\n",
        },
    ];

    /// <summary>All known templates.</summary>
    public static IReadOnlyList<ChatTemplate> Templates => _templates;

    /// <summary>Its name in recipes.</summary>
    public required string Name { get; init; }

    /// <summary>Around a system message.</summary>
    public required string System { get; init; }

    /// <summary>Around a user's message.</summary>
    public required string User { get; init; }

    /// <summary>Around an assistant's message; what stands before is the generation prompt, and <c>{eos}</c> after it ends the answer.</summary>
    public required string Assistant { get; init; }

    /// <summary>Instead of <see cref="User"/> directly after the system message, or null.</summary>
    public string? UserAfterSystem { get; init; }

    /// <summary>Instead of <see cref="User"/> after an answer, or null.</summary>
    public string? UserAfterAnswer { get; init; }

    /// <summary>The system message of a conversation that has none, or null.</summary>
    public string? DefaultSystem { get; init; }

    /// <summary>
    /// A special token that ends answers instead of EOS. Where the tokenizer lacks it, its text is written and EOS after it. Null: EOS.
    /// </summary>
    public string? EndToken { get; init; }

    /// <summary>
    /// The template of that name, or of a user's file (a path that ends in .json, see <see cref="ChatTemplateFile"/>); unknown: exit code 2,
    /// naming the known ones.
    /// </summary>
    public static ChatTemplate Find(string name) =>
        Array.Find(_templates, template => template.Name == name)
        ?? (name.EndsWith(".json", StringComparison.Ordinal) ? ChatTemplateFile.Read(name) : null)
        ?? throw CamelsException.Usage(
            $"unknown template \"{name}\"; known are {string.Join(", ", _templates.Select(template => template.Name))}, or the path of a .json file.");

    /// <summary>The frame of a role.</summary>
    public MessageFrame FrameOf(Role role) => role switch
    {
        Role.System => Frame(System),
        Role.User => Frame(User),
        _ => Frame(Assistant, endsWith: Eos),
    };

    /// <summary>The frame of a user's message after a message of <paramref name="previous"/> (null: the first of all).</summary>
    internal MessageFrame UserFrame(Role? previous) => Frame(previous switch
    {
        Role.System => UserAfterSystem ?? User,
        Role.Assistant => UserAfterAnswer ?? User,
        _ => User,
    });

    /// <summary>What stands between an answer and the token that ends it; it is trained with the answer.</summary>
    internal string AnswerTail => Between(Assistant, Content, Eos);

    private static MessageFrame Frame(string text, string endsWith = Content)
    {
        int content = text.IndexOf(Content, StringComparison.Ordinal);
        int end = text.IndexOf(endsWith, content, StringComparison.Ordinal) + endsWith.Length;
        return new MessageFrame(text[..content], text[end..]);
    }

    private static string Between(string text, string first, string second)
    {
        int start = text.IndexOf(first, StringComparison.Ordinal) + first.Length;
        return text[start..text.IndexOf(second, start, StringComparison.Ordinal)];
    }
}
