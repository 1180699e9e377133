using System.Text;
using System.Text.RegularExpressions;
using Camels.Engine.Data;
using Camels.Engine.Tokenizers;

namespace Camels.Engine.Tests.Data;

/// <summary>Renders the Jinja that chat templates are exported as, and no other: one loop over messages, if with elif and else, sums of literals and names.</summary>
internal sealed partial class RenderedJinja(string jinja, ITokenizer tokenizer)
{
    private readonly Match[] _tags = [.. Tags().Matches(jinja).Cast<Match>()];

    /// <summary>The prompt of messages.</summary>
    public string Render(Message[] messages)
    {
        StringBuilder text = new();
        int loop = Array.FindIndex(_tags, tag => tag.Value.StartsWith("{% for", StringComparison.Ordinal));
        int end = Array.FindIndex(_tags, tag => tag.Value == "{% endfor %}");
        Run(0, loop, messages, -1, text);
        for (int message = 0; message < messages.Length; message++)
        {
            Run(loop + 1, end, messages, message, text);
        }

        Run(end + 1, _tags.Length, messages, -1, text);
        return text.ToString();
    }

    // A level of ifs: whether a branch of it was taken, and whether this one is.
    private void Run(int from, int to, Message[] messages, int message, StringBuilder text)
    {
        Stack<(bool Taken, bool Active)> levels = new([(true, true)]);
        foreach (string tag in _tags[from..to].Select(tag => tag.Value))
        {
            string body = tag[2..^2].Trim();
            if (body.StartsWith("if ", StringComparison.Ordinal))
            {
                bool holds = levels.Peek().Active && Holds(body[3..], messages, message);
                levels.Push((holds || !levels.Peek().Active, holds));
            }
            else if (body == "else" || body.StartsWith("elif ", StringComparison.Ordinal))
            {
                (bool taken, _) = levels.Pop();
                bool holds = !taken && (body == "else" || Holds(body[5..], messages, message));
                levels.Push((taken || holds, holds));
            }
            else if (body == "endif")
            {
                _ = levels.Pop();
            }
            else if (levels.Peek().Active)
            {
                _ = text.Append(string.Concat(Terms().Matches(body).Select(term => Value(term.Value, messages, message))));
            }
        }
    }

    private static bool Holds(string condition, Message[] messages, int message) => condition switch
    {
        "loop.first" => message == 0,
        "add_generation_prompt" => true,
        "messages[loop.index0 - 1]['role'] == 'system'" => messages[message - 1].Role == Role.System,
        _ => condition == $"message['role'] == '{Conversation.NameOf(messages[message].Role)}'",
    };

    private string Value(string term, Message[] messages, int message) => term switch
    {
        "bos_token" => tokenizer.PieceText(tokenizer.BosId!.Value),
        "eos_token" => tokenizer.PieceText(tokenizer.EosId!.Value),
        "(message['content'] | trim)" => messages[message].Content.Trim(),
        _ => Regex.Unescape(term[1..^1]),
    };

    [GeneratedRegex(@"\{\{.*?\}\}|\{%.*?%\}")]
    private static partial Regex Tags();

    [GeneratedRegex(@"'(?:[^'\\]|\\.)*'|bos_token|eos_token|\(message\['content'\] \| trim\)")]
    private static partial Regex Terms();
}
