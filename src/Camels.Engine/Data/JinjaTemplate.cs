using System.Text;
using Camels.Engine.Tokenizers;

namespace Camels.Engine.Data;

/// <summary>
/// A chat template in the form that other programs read (<c>chat_template</c> of tokenizer_config.json): Jinja that renders the text whose
/// ids <see cref="TemplateEncoder"/> makes, BOS included. It is put together from the template's strings; nothing is tokenizer-specific but
/// whether there is a BOS and a token of the answer's end.
/// </summary>
public static class JinjaTemplate
{
    /// <summary>The template's Jinja for a tokenizer.</summary>
    public static string Of(ChatTemplate template, ITokenizer tokenizer)
    {
        TemplateMarkers markers = new(template, tokenizer);
        string bos = markers.Start.Length > 0 ? "\u0002" + GapAfterBos(tokenizer) : "";
        bool endsWithEos = markers.EndId == tokenizer.EosId;
        MessageFrame system = template.FrameOf(Role.System);
        MessageFrame assistant = template.FrameOf(Role.Assistant);
        MessageFrame first = template.UserFrame(previous: null);
        MessageFrame afterSystem = template.UserFrame(Role.System);
        string opening = template.DefaultSystem is string preamble
            ? system.Before + preamble + system.After + afterSystem.Before
            : first.Before;
        string prompt = assistant.Before.EndsWith(' ') ? assistant.Before[..^1] : assistant.Before;

        StringBuilder jinja = new();
        jinja.Append(Print(ChatTemplate.Bos));
        jinja.Append("{% for message in messages %}");
        jinja.Append("{% if message['role'] == 'system' %}").Append(Print(system.Before, "message['content'] | trim", system.After));
        jinja.Append("{% elif message['role'] == 'user' %}");
        jinja.Append("{% if loop.first %}").Append(Print(opening));
        jinja.Append("{% elif messages[loop.index0 - 1]['role'] == 'system' %}").Append(Print(afterSystem.Before));
        jinja.Append("{% else %}").Append(Print(assistant.After + template.UserFrame(Role.Assistant).Before)).Append("{% endif %}");
        jinja.Append(Print("", "message['content'] | trim", afterSystem.After));
        jinja.Append("{% elif message['role'] == 'assistant' %}");
        jinja.Append(Print(assistant.Before, "message['content'] | trim", template.AnswerTail + ChatTemplate.Eos));
        jinja.Append("{% endif %}{% endfor %}");
        jinja.Append("{% if add_generation_prompt %}").Append(Print(prompt)).Append("{% endif %}");
        return jinja.ToString();

        // One print statement of literals, the content and the special tokens, or nothing where all are empty.
        string Print(string before, string? content = null, string after = "")
        {
            string[] terms = [.. Terms(before), .. content is null ? Array.Empty<string>() : [$"({content})"], .. Terms(after)];
            return terms.Length == 0 ? "" : $"{{{{ {string.Join(" + ", terms)} }}}}";
        }

        IEnumerable<string> Terms(string text)
        {
            string end = endsWithEos ? template.EndToken + "\u0001" : template.EndToken!;
            text = text.Replace(ChatTemplate.Eos, end, StringComparison.Ordinal)
                .Replace(ChatTemplate.Bos, bos, StringComparison.Ordinal);
            int start = 0;
            for (int i = 0; i <= text.Length; i++)
            {
                bool isToken = i < text.Length && text[i] is '\u0001' or '\u0002';
                if ((isToken || i == text.Length) && i > start)
                {
                    yield return Literal(text[start..i]);
                }

                if (isToken)
                {
                    yield return text[i] == '\u0001' ? "eos_token" : "bos_token";
                    start = i + 1;
                }
            }
        }
    }

    // After BOS a text begins as a document does, with the tokenizer's own space where it puts one (LLaMA). Who tokenizes what Jinja renders reads
    // BOS in the text, and some tokenizers put no space after a token: there it is written.
    private static string GapAfterBos(ITokenizer tokenizer)
    {
        const string Probe = "x";
        List<int> trained = [tokenizer.BosId!.Value];
        tokenizer.Encode(Probe, trained, isStart: true, parseSpecial: false);
        return Array.Find(["", " "], gap =>
        {
            List<int> rendered = [];
            tokenizer.Encode(tokenizer.PieceText(tokenizer.BosId.Value) + gap + Probe, rendered, isStart: true, parseSpecial: true);
            return rendered.SequenceEqual(trained);
        }) ?? "";
    }

    private static string Literal(string text) => "'" + text
        .Replace("\\", "\\\\", StringComparison.Ordinal)
        .Replace("'", "\\'", StringComparison.Ordinal)
        .Replace("\n", "\\n", StringComparison.Ordinal)
        .Replace("\r", "\\r", StringComparison.Ordinal)
        .Replace("\t", "\\t", StringComparison.Ordinal) + "'";
}
