using System.Text.Json;

namespace Camels.Engine.Data;

/// <summary>
/// A user's own template: a JSON object with <c>system</c>, <c>user</c> and <c>assistant</c>, and where wanted <c>user_after_system</c>,
/// <c>user_after_answer</c>, <c>default_system</c>, <c>end_token</c> and <c>name</c>, as <see cref="ChatTemplate"/> describes them.
/// </summary>
public static class ChatTemplateFile
{
    private const long MostBytes = 1 << 16;

    private static readonly string[] _keys =
    [
        "name", "system", "user", "assistant", "user_after_system", "user_after_answer", "default_system", "end_token",
    ];

    /// <summary>Reads such a file; anything wrong is exit code 3 and names the key.</summary>
    public static ChatTemplate Read(string path)
    {
        using JsonDocument document = StrictJson.ReadObject(path, MostBytes);
        Dictionary<string, string> texts = [];
        foreach (JsonProperty property in document.RootElement.EnumerateObject())
        {
            Require(_keys.Contains(property.Name), path, $"has an unknown key \"{property.Name}\"; known are {string.Join(", ", _keys)}");
            Require(property.Value.ValueKind == JsonValueKind.String, path, $"\"{property.Name}\" is no text");
            texts[property.Name] = property.Value.GetString()!;
        }

        ChatTemplate template = new()
        {
            Name = texts.GetValueOrDefault("name") ?? Path.GetFileNameWithoutExtension(path),
            System = Message("system")!,
            User = Message("user")!,
            Assistant = Message("assistant")!,
            UserAfterSystem = Message("user_after_system", isOptional: true),
            UserAfterAnswer = Message("user_after_answer", isOptional: true),
            DefaultSystem = texts.GetValueOrDefault("default_system"),
            EndToken = texts.GetValueOrDefault("end_token"),
        };
        string afterContent = template.Assistant[template.Assistant.IndexOf(ChatTemplate.Content, StringComparison.Ordinal)..];
        Require(Count(afterContent, ChatTemplate.Eos) == 1, path, "\"assistant\" must have {eos} once after {content}: without it nothing ends an answer");
        return template;

        string? Message(string key, bool isOptional = false)
        {
            string? text = texts.GetValueOrDefault(key);
            Require(isOptional || text is not null, path, $"\"{key}\" is missing");
            Require(text is null || Count(text, ChatTemplate.Content) == 1, path, $"\"{key}\" must have {{content}} once");
            return text;
        }
    }

    private static int Count(string text, string part) => text.Split(part).Length - 1;

    private static void Require(bool holds, string path, string complaint)
    {
        if (!holds)
        {
            throw CamelsException.BadInput($"{path}: not a chat template: {complaint}.");
        }
    }
}
