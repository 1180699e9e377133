namespace Camels.Engine.Data;

/// <summary>What stands around the content of one role's messages.</summary>
/// <param name="Before">Text before the content.</param>
/// <param name="After">Text after the content (after the EOS of an assistant), dropped at the end of a document.</param>
public readonly record struct MessageFrame(string Before, string After);

/// <summary>
/// How a conversation is written for a model. Contents are stripped of surrounding white space; an assistant's content is followed by EOS.
/// <see cref="TemplateEncoder"/> turns it into ids.
/// </summary>
/// <param name="Name">Its name in recipes.</param>
/// <param name="System">Frame of the system message.</param>
/// <param name="User">Frame of a user's message.</param>
/// <param name="Assistant">Frame of an assistant's message; its Before is the generation prompt.</param>
public sealed record ChatTemplate(string Name, MessageFrame System, MessageFrame User, MessageFrame Assistant)
{
    private static readonly ChatTemplate[] _templates =
    [
        new("tulu", new("<|system|>\n", "\n"), new("<|user|>\n", "\n"), new("<|assistant|>\n", "\n")),
    ];

    /// <summary>All known templates.</summary>
    public static IReadOnlyList<ChatTemplate> Templates => _templates;

    /// <summary>The template of that name; unknown: exit code 2, naming the known ones.</summary>
    public static ChatTemplate Find(string name) =>
        Array.Find(_templates, template => template.Name == name)
        ?? throw CamelsException.Usage(
            $"unknown template \"{name}\"; known are {string.Join(", ", _templates.Select(template => template.Name))}.");

    /// <summary>The frame of a role.</summary>
    public MessageFrame FrameOf(Role role) => role switch
    {
        Role.System => System,
        Role.User => User,
        _ => Assistant,
    };
}
