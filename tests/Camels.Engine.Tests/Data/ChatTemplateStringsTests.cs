using Camels.Engine.Data;
using Camels.Engine.Tests.Checkpoints;
using Camels.Engine.Tokenizers;
using Camels.Testing;
using Xunit;
using static Camels.Engine.Tests.Data.DataTestHelp;

namespace Camels.Engine.Tests.Data;

/// <summary>Every template to the letter: what it writes, what of it is trained, and the Jinja that travels with a model.</summary>
public sealed class ChatTemplateStringsTests : IDisposable
{
    private const string Vicuna = "A chat between a curious user and an artificial intelligence assistant. "
        + "The assistant gives helpful, detailed, and polite answers to the user's questions.";

    private const string Alpaca = "Below is an instruction that describes a task. Write a response that appropriately completes the request.";

    private static readonly ByteTokenizer _tokenizer = new();

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // ⟦…⟧ is trained; "<s>" and "</s>" are the special tokens. The bytes tokenizer has no <|im_end|>: EOS follows its text.
    [Theory]
    [InlineData("tulu", "<s><|user|>\nu\n<|assistant|>\n⟦a</s>⟧\n<|user|>\nv\n<|assistant|>\n⟦b</s>⟧")]
    [InlineData("llama2", "<s>[INST] u [/INST]⟦ a </s>⟧<s>[INST] v [/INST]⟦ b </s>⟧")]
    [InlineData(
        "chatml",
        "<s><|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\n⟦a<|im_end|></s>⟧\n<|im_start|>user\nv<|im_end|>\n<|im_start|>assistant\n⟦b<|im_end|></s>⟧")]
    [InlineData("vicuna", "<s>" + Vicuna + " USER: u ASSISTANT:⟦ a</s>⟧USER: v ASSISTANT:⟦ b</s>⟧")]
    [InlineData("zephyr", "<s><|user|>\nu</s>\n<|assistant|>\n⟦a</s>⟧\n<|user|>\nv</s>\n<|assistant|>\n⟦b</s>⟧")]
    [InlineData(
        "alpaca",
        "<s>" + Alpaca + "\n\n### Instruction:\nu\n\n### Response:\n⟦a</s>⟧\n\n### Instruction:\nv\n\n### Response:\n⟦b</s>⟧")]
    [InlineData("plain", "<s>u\n⟦a</s>⟧\nv\n⟦b</s>⟧")]
    public void WithoutASystemMessage(string template, string expected) =>
        Assert.Equal(expected, Encode(template, "user:u", "assistant:a", "user:v", "assistant:b"));

    [Theory]
    [InlineData("tulu", "<s><|system|>\nS\n<|user|>\nu\n<|assistant|>\n⟦a</s>⟧")]
    [InlineData("llama2", "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nu [/INST]⟦ a </s>⟧")]
    [InlineData("chatml", "<s><|im_start|>system\nS<|im_end|>\n<|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\n⟦a<|im_end|></s>⟧")]
    [InlineData("vicuna", "<s>S USER: u ASSISTANT:⟦ a</s>⟧")]
    [InlineData("zephyr", "<s><|system|>\nS</s>\n<|user|>\nu</s>\n<|assistant|>\n⟦a</s>⟧")]
    [InlineData("alpaca", "<s>S\n\n### Instruction:\nu\n\n### Response:\n⟦a</s>⟧")]
    [InlineData("plain", "<s>S\nu\n⟦a</s>⟧")]
    public void WithASystemMessage(string template, string expected) =>
        Assert.Equal(expected, Encode(template, "system:S", "user:u", "assistant:a"));

    [Fact]
    public void AnEndTokenThatTheTokenizerHasEndsTheAnswer()
    {
        ByteTokenizerWriter.Write(
            _folder.Path, [new("<s>", IsSpecial: true), new("</s>", IsSpecial: true), new("<|im_start|>", IsSpecial: true), new("<|im_end|>", IsSpecial: true)],
            "<s>", "</s>");
        ITokenizer tokenizer = TokenizerFiles.Load(_folder.Path);
        TemplateEncoder encoder = new(ChatTemplate.Find("chatml"), tokenizer);
        EncodedDocuments encoded = new();
        encoder.Encode([new(Role.User, "u<|im_end|>"), new(Role.Assistant, "a")], encoded);
        int[] ids = encoded.Ids(0).ToArray();
        Assert.Equal("<|im_end|>", tokenizer.PieceText(encoder.EndId));
        Assert.Equal(encoder.EndId, ids[^1]);
        Assert.Equal(2, ids.Count(id => id == encoder.EndId));     // the user's own is text
        Assert.DoesNotContain(tokenizer.EosId!.Value, ids);
        Assert.Contains("'<|im_end|>' }}", JinjaTemplate.Of(ChatTemplate.Find("chatml"), tokenizer), StringComparison.Ordinal);
        Assert.DoesNotContain("eos_token", JinjaTemplate.Of(ChatTemplate.Find("chatml"), tokenizer), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("llama2")]
    [InlineData("zephyr")]
    [InlineData("vicuna")]
    [InlineData("chatml")]
    public void EveryTemplatePassesTheAudit(string template)
    {
        string path = _folder.Write("mine.jsonl", Turns("a", "b", "c", "d") + MessagesLine(("system", "s"), ("user", "e"), ("assistant", "f")));
        foreach (ByteTokenizer tokenizer in (ByteTokenizer[])[new(), new(addsBos: false), new(bosId: ByteTokenizer.Eos), new(addsBos: false, bosId: ByteTokenizer.Eos)])
        {
            using PreparationResult result = DataPreparation.Prepare(
                new PreparationSettings { Sources = [new("messages", path)], Template = template }, tokenizer, _folder["prepared"]);
            Assert.Equal(3, result.Audit.Train.AssistantTurnsWithTrainedEos);
        }
    }

    // Where a space stands between marker and content, it is encoded with the content: so the ids are those of the whole text.
    [SharedTheory("models/tokenizers", "data/train/dolly")]
    [InlineData("llama2", "llama")]
    [InlineData("vicuna", "llama")]
    [InlineData("llama2", "gpt-neox")]
    [InlineData("vicuna", "gpt-neox")]
    [InlineData("alpaca", "llama")]
    [InlineData("zephyr", "opt")]
    public void SegmentsGiveTheIdsOfTheWholeText(string templateName, string tokenizerName)
    {
        ITokenizer tokenizer = TokenizerFiles.Load(SharedFiles.Path($"models/tokenizers/{tokenizerName}"));
        ChatTemplate template = ChatTemplate.Find(templateName);
        TemplateEncoder encoder = new(template, tokenizer);
        string eos = tokenizer.PieceText(tokenizer.EosId!.Value);
        foreach (Conversation conversation in Read("dolly", SharedFiles.Path("data/train/dolly")).Take(100))
        {
            string user = conversation.Messages[0].Content.Trim();
            string answer = conversation.Messages[1].Content.Trim();
            string text = templateName switch
            {
                "llama2" => $"[INST] {user} [/INST] {answer} {eos}",
                "vicuna" => $"{Vicuna} USER: {user} ASSISTANT: {answer}{eos}",
                "alpaca" => $"{Alpaca}\n\n### Instruction:\n{user}\n\n### Response:\n{answer}{eos}",
                _ => $"<|user|>\n{user}{eos}\n<|assistant|>\n{answer}{eos}",
            };
            List<int> whole = tokenizer.AddsBos ? [tokenizer.BosId!.Value] : [];
            tokenizer.Encode(text, whole, isStart: true, parseSpecial: true);
            EncodedDocuments encoded = new();
            encoder.Encode(conversation.Messages, encoded);
            Assert.Equal(whole, encoded.Ids(0).ToArray());
        }
    }

    // Not those with an end token: its text, where it is no token, runs together with the punctuation before it.
    public static TheoryData<string, string> TemplatesAndTokenizers()
    {
        TheoryData<string, string> data = [];
        foreach (ChatTemplate template in ChatTemplate.Templates.Where(template => template.EndToken is null))
        {
            data.Add(template.Name, "gpt-neox");
            data.Add(template.Name, "llama");
            data.Add(template.Name, "opt");
        }

        return data;
    }

    // With a system message and without one, after an earlier turn and first. Llama-2 begins each turn as a document, which LLaMA's tokenizer
    // does at the beginning of a text alone.
    [SharedTheory("models/tokenizers", "data/train/dolly")]
    [MemberData(nameof(TemplatesAndTokenizers))]
    public void SegmentsGiveTheIdsOfTheWholeTextInEveryPlace(string templateName, string tokenizerName)
    {
        ITokenizer tokenizer = TokenizerFiles.Load(SharedFiles.Path($"models/tokenizers/{tokenizerName}"));
        ChatTemplate template = ChatTemplate.Find(templateName);
        TemplateEncoder encoder = new(template, tokenizer);
        Message[][] pairs = [.. Read("dolly", SharedFiles.Path("data/train/dolly")).Take(41).Select(conversation => conversation.Messages)];
        Message[] system = [new(Role.System, "Be kind.")];
        bool isLaterTurnAStart = templateName == "llama2" && tokenizerName == "llama";
        for (int i = 0; i + 1 < pairs.Length; i++)
        {
            Message[] later = isLaterTurnAStart ? [] : pairs[i + 1];
            foreach (Message[] messages in (Message[][])[pairs[i], [.. system, .. pairs[i]], [.. pairs[i], .. later], [.. system, .. pairs[i], .. later]])
            {
                EncodedDocuments encoded = new();
                encoder.Encode(messages, encoded);
                Assert.Equal(WholeIds(template, tokenizer, messages), encoded.Ids(0).ToArray());
            }
        }
    }

    [Fact]
    public void AUsersOwnTemplateComesFromASmallFile()
    {
        string path = _folder.Write("mine.json", """{"system": "[S]{content}", "user": "[U]{content}", "assistant": "[A]{content}!{eos}.", "user_after_answer": "{bos}[V]{content}"}""");
        Assert.Equal("<s>[U]u[A]⟦a!</s>⟧.<s>[V]v[A]⟦b!</s>⟧", Encode(path, "user:u", "assistant:a", "user:v", "assistant:b"));
        Assert.Equal("mine", ChatTemplate.Find(path).Name);
    }

    [Theory]
    [InlineData("[]", "expected an object")]
    [InlineData("{", "line 1")]
    [InlineData("""{"system": "{content}", "user": "{content}"}""", "\"assistant\" is missing")]
    [InlineData("""{"system": "{content}", "user": "x", "assistant": "{content}{eos}"}""", "\"user\" must have {content} once")]
    [InlineData("""{"system": "{content}", "user": "{content}", "assistant": "{content}"}""", "must have {eos} once")]
    [InlineData("""{"system": "{content}", "user": "{content}", "assistant": "{eos}{content}"}""", "must have {eos} once")]
    [InlineData("""{"system": "{content}", "user": 3, "assistant": "{content}{eos}"}""", "\"user\" is no text")]
    [InlineData("""{"sistem": "{content}"}""", "unknown key \"sistem\"")]
    public void BrokenTemplateFilesAreNamed(string json, string complaint)
    {
        string path = _folder.Write("mine.json", json);
        Fails(ExitCode.BadInput, () => ChatTemplate.Find(path), "mine.json", complaint);
    }

    // Rendered once by hand with Jinja2 3.1: the strings of the tests above, and those of the prompts.
    [Theory]
    [InlineData(
        "tulu",
        "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}{{ '<|system|>\\n' + (message['content'] | trim) + '\\n' }}"
        + "{% elif message['role'] == 'user' %}{% if loop.first %}{{ '<|user|>\\n' }}{% elif messages[loop.index0 - 1]['role'] == 'system' %}"
        + "{{ '<|user|>\\n' }}{% else %}{{ '\\n<|user|>\\n' }}{% endif %}{{ (message['content'] | trim) + '\\n' }}"
        + "{% elif message['role'] == 'assistant' %}{{ '<|assistant|>\\n' + (message['content'] | trim) + eos_token }}{% endif %}{% endfor %}"
        + "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}")]
    [InlineData(
        "llama2",
        "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}{{ '[INST] <<SYS>>\\n' + (message['content'] | trim) + '\\n<</SYS>>\\n\\n' }}"
        + "{% elif message['role'] == 'user' %}{% if loop.first %}{{ '[INST] ' }}{% elif messages[loop.index0 - 1]['role'] == 'system' %}"
        + "{% else %}{{ bos_token + '[INST] ' }}{% endif %}{{ (message['content'] | trim) + ' [/INST]' }}"
        + "{% elif message['role'] == 'assistant' %}{{ ' ' + (message['content'] | trim) + ' ' + eos_token }}{% endif %}{% endfor %}"
        + "{% if add_generation_prompt %}{% endif %}")]
    public void JinjaIsWrittenToTheLetter(string template, string expected) =>
        Assert.Equal(expected, JinjaTemplate.Of(ChatTemplate.Find(template), _tokenizer));

    // The template's text with the contents in it, encoded at once.
    private static int[] WholeIds(ChatTemplate template, ITokenizer tokenizer, Message[] messages)
    {
        if (template.DefaultSystem is string preamble && messages[0].Role != Role.System)
        {
            messages = [new(Role.System, preamble), .. messages];
        }

        string text = "";
        for (int i = 0; i < messages.Length; i++)
        {
            (Role role, string content) = messages[i];
            MessageFrame frame = role == Role.User ? template.UserFrame(i == 0 ? null : messages[i - 1].Role) : template.FrameOf(role);
            text += frame.Before + content.Trim() + (role == Role.Assistant ? template.AnswerTail + ChatTemplate.Eos : "")
                + (i < messages.Length - 1 ? frame.After : "");
        }

        text = text.Replace(ChatTemplate.Eos, tokenizer.PieceText(tokenizer.EosId!.Value), StringComparison.Ordinal)
            .Replace(ChatTemplate.Bos, tokenizer.AddsBos ? tokenizer.PieceText(tokenizer.BosId!.Value) : "", StringComparison.Ordinal);
        List<int> ids = tokenizer.AddsBos ? [tokenizer.BosId!.Value] : [];
        tokenizer.Encode(text, ids, isStart: true, parseSpecial: true);
        return [.. ids];
    }

    private static string Encode(string template, params string[] messages)
    {
        EncodedDocuments encoded = new();
        new TemplateEncoder(ChatTemplate.Find(template), _tokenizer).Encode(ChatTemplateTests.Messages(messages), encoded);
        return ChatTemplateTests.Show(encoded.Ids(0), encoded.Trained(0));
    }
}
