using System.Text;
using System.Text.Json;
using Camels.Engine;
using Camels.Engine.Data;
using Camels.Engine.Generation;
using Camels.Engine.Tokenizers;

namespace Camels.Cli.Prompts;

/// <summary>
/// Prompts as JSONL: <c>{"prompt": "…"}</c> or <c>{"messages": [{"role", "content"}…]}</c>, with an <c>id</c> or the number of the line. What is null
/// counts as absent. Ids are text, 3 and "3" the same, and each is one prompt's: it seeds the draws and names the completion.
/// </summary>
internal static class PromptFile
{
    /// <summary>Reads and encodes all prompts. With a template a prompt is a user's message; without, text as it stands.</summary>
    /// <exception cref="CamelsException">The file cannot be read, or a line is no prompt: exit code 3, naming the line.</exception>
    public static IReadOnlyList<Prompt> Read(string path, ChatTemplate? template, ITokenizer tokenizer)
    {
        TemplateEncoder? encoder = template is null ? null : new TemplateEncoder(template, tokenizer);
        List<Prompt> prompts = [];
        Dictionary<string, int> lineOf = [];
        int number = 0;
        foreach (string line in Lines(path))
        {
            number++;
            if (line.AsSpan().Trim().Length > 0)
            {
                Prompt prompt = ReadLine(line, $"{path}:{number}", number, encoder, tokenizer);
                if (!lineOf.TryAdd(prompt.Id, number))
                {
                    throw CamelsException.BadInput(
                        $"{path}:{number}: the id \"{prompt.Id}\" is that of line {lineOf[prompt.Id]} too; a prompt without an id has its line's number for one");
                }

                prompts.Add(prompt);
            }
        }

        return prompts.Count > 0 ? prompts : throw CamelsException.BadInput($"{path} has no prompts; write one {{\"prompt\": \"…\"}} a line");
    }

    private static IEnumerable<string> Lines(string path)
    {
        IEnumerator<string> lines;
        try
        {
            lines = File.ReadLines(path, new UTF8Encoding(false, throwOnInvalidBytes: true)).GetEnumerator();
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw CamelsException.BadInput($"{path} cannot be read: {problem.Message}", problem);
        }

        using (lines)
        {
            while (Advance(lines, path))
            {
                yield return lines.Current;
            }
        }
    }

    private static bool Advance(IEnumerator<string> lines, string path)
    {
        try
        {
            return lines.MoveNext();
        }
        catch (Exception problem) when (problem is IOException or DecoderFallbackException)
        {
            throw CamelsException.BadInput($"{path} cannot be read as UTF-8 text: {problem.Message.ReplaceLineEndings(" ")}", problem);
        }
    }

    private static Prompt ReadLine(string line, string place, int number, TemplateEncoder? encoder, ITokenizer tokenizer)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line, StrictJson.Options);
            JsonElement root = document.RootElement;
            string id = Find(root, "id")?.ToString() ?? $"{number}";
            List<int> ids = [];
            if (encoder is not null)
            {
                encoder.EncodePrompt(Messages(root), ids);
            }
            else
            {
                TemplateEncoder.EncodeText(tokenizer, Text(root), ids);
            }

            return new Prompt(id, ids);
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw CamelsException.BadInput(
                $"{place}: not a prompt ({problem.Message.ReplaceLineEndings(" ")}); write {{\"prompt\": \"…\"}} or {{\"messages\": […]}}", problem);
        }
        catch (CamelsException problem)
        {
            throw new CamelsException(problem.Code, $"{place}: {problem.Message}", problem);
        }
    }

    private static string Text(JsonElement root) => (Find(root, "prompt"), Find(root, "messages")) switch
    {
        (JsonElement prompt, null) => prompt.GetString()!,
        (not null, not null) => throw Both(),
        _ => throw new JsonException("no \"prompt\", which --template none needs"),
    };

    private static Message[] Messages(JsonElement root) => (Find(root, "prompt"), Find(root, "messages")) switch
    {
        (JsonElement prompt, null) => [new Message(Role.User, prompt.GetString()!)],
        (null, JsonElement messages) => [.. messages.EnumerateArray().Select(message => new Message(
            RoleOf(message.GetProperty("role").GetString()), message.GetProperty("content").GetString() ?? throw new JsonException("\"content\" is null")))],
        (null, null) => throw new JsonException("neither \"prompt\" nor \"messages\""),
        _ => throw Both(),
    };

    private static JsonException Both() => new("both \"prompt\" and \"messages\"");

    private static JsonElement? Find(JsonElement root, string name) =>
        root.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static Role RoleOf(string? name) => Enum.GetValues<Role>().Any(role => Conversation.NameOf(role) == name)
        ? Enum.GetValues<Role>().First(role => Conversation.NameOf(role) == name)
        : throw new JsonException($"role \"{name}\" is none of system, user, assistant");
}
