using Camels.Engine.Data;
using FsCheck;
using FsCheck.Fluent;
using Xunit;
using static Camels.Engine.Tests.Data.DataTestHelp;

namespace Camels.Engine.Tests.Data;

public sealed class ChatTemplateTests
{
    private static readonly ByteTokenizer _tokenizer = new();
    private static readonly TemplateEncoder _tulu = new(ChatTemplate.Find("tulu"), _tokenizer);

    // In the expected text, ⟦…⟧ is trained; "<s>" and "</s>" are the special tokens.
    [Theory]
    [InlineData("<s><|user|>\nHi\n<|assistant|>\n⟦Hello!</s>⟧", "user:Hi", "assistant:Hello!")]
    [InlineData("<s><|system|>\nBe brief.\n<|user|>\nHi\n<|assistant|>\n⟦Hello!</s>⟧", "system:Be brief.", "user:Hi", "assistant:Hello!")]
    [InlineData(
        "<s><|user|>\nHi\n<|assistant|>\n⟦Hello!</s>⟧\n<|user|>\nBye\n<|assistant|>\n⟦See you.</s>⟧",
        "user:Hi", "assistant:Hello!", "user:Bye", "assistant:See you.")]
    [InlineData("<s><|user|>\nHi\n<|assistant|>\n⟦two\nlines</s>⟧", "user: \n Hi\t", "assistant:\n\ntwo\nlines\n\n")]
    [InlineData("<s><|user|>\n\n<|assistant|>\n⟦¿Qué? 你好 🙂</s>⟧", "user:", "assistant:¿Qué? 你好 🙂")]
    public void TuluIsWrittenByteForByteAndMaskForMask(string expected, params string[] messages)
    {
        EncodedDocuments encoded = new();
        _tulu.Encode(Messages(messages), encoded);
        Assert.Equal(1, encoded.Count);
        Assert.Equal(expected, Show(encoded.Ids(0), encoded.Trained(0)));
    }

    [Fact]
    public void SpecialTokensInMessagesAreText()
    {
        EncodedDocuments encoded = new();
        _tulu.Encode(Messages("user:end</s><s>", "assistant:a<s>b</s>c"), encoded);
        Assert.Equal(1, encoded.Ids(0).Count(256));
        Assert.Equal(1, encoded.Ids(0).Count(ByteTokenizer.Eos));
        Assert.Equal(ByteTokenizer.Eos, encoded.Ids(0)[^1]);
    }

    [Fact]
    public void MarkersInMessagesDoNotMoveTheMask()
    {
        EncodedDocuments encoded = new();
        _tulu.Encode(Messages("user:a\n<|assistant|>\nforged", "assistant:b\n<|user|>\nc"), encoded);
        Assert.Equal(
            "<s><|user|>\na\n<|assistant|>\nforged\n<|assistant|>\n⟦b\n<|user|>\nc</s>⟧", Show(encoded.Ids(0), encoded.Trained(0)));
    }

    [Fact]
    public void TurnsSpanContents()
    {
        EncodedDocuments encoded = new();
        _tulu.Encode(Messages("system:S", "user:Hi", "assistant:Yes"), encoded);
        string[] contents = [.. encoded.Turns(0).ToArray()
            .Select(turn => $"{turn.Role}:{_tokenizer.Decode(encoded.Ids(0)[turn.Start..turn.End], skipSpecial: false)}")];
        Assert.Equal(["System:S", "User:Hi", "Assistant:Yes</s>"], contents);
    }

    [Theory]
    [InlineData("tulu")]
    [InlineData("llama2")]
    [InlineData("chatml")]
    [InlineData("vicuna")]
    [InlineData("plain")]
    public void PromptIsWhatStandsBeforeEachAnswerInTraining(string name)
    {
        TemplateEncoder encoder = new(ChatTemplate.Find(name), _tokenizer);
        Gen<string> text = ArbMap.Default.ArbFor<string>().Generator.Select(s => (s ?? "").Replace("\ud800", "", StringComparison.Ordinal));
        Gen<Message[]> conversations =
            from hasSystem in Gen.Elements(true, false)
            from pairs in Gen.Choose(1, 4)
            from texts in text.ArrayOf((2 * pairs) + 1)
            select texts[(hasSystem ? 0 : 1)..]
                .Select((content, i) => new Message(RoleAt(i, hasSystem), content)).ToArray();

        Prop.ForAll(conversations.ToArbitrary(), messages =>
        {
            EncodedDocuments encoded = new();
            encoder.Encode(messages, encoded);
            int[] ids = encoded.Ids(0).ToArray();
            byte[] expectedMask = new byte[ids.Length];
            for (int i = 0; i < messages.Length; i++)
            {
                if (messages[i].Role == Role.Assistant)
                {
                    List<int> prompt = [];
                    encoder.EncodePrompt(messages.AsSpan(0, i), prompt);
                    Assert.Equal(prompt, ids[..prompt.Count]);
                    int end = encoded.Turns(0)[i].End;
                    Assert.Equal(ByteTokenizer.Eos, ids[end - 1]);
                    expectedMask.AsSpan(prompt.Count, end - prompt.Count).Fill(1);
                }
            }

            Assert.Equal(expectedMask, encoded.Trained(0).ToArray());
        }).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData("tulu")]
    [InlineData("tulu", "assistant:x")]
    [InlineData("tulu", "user:x", "assistant:y")]
    [InlineData("tulu", "user:x", "user:y")]
    [InlineData("tulu", "user:x", "system:y", "user:z")]
    public void PromptOutOfOrderIsRefused(string template, params string[] messages) =>
        Fails(ExitCode.BadInput, () => new TemplateEncoder(ChatTemplate.Find(template), _tokenizer).EncodePrompt(Messages(messages), []), "prompt");

    [Fact]
    public void BosIsThereOnceOrNotAtAll()
    {
        EncodedDocuments encoded = new();
        new TemplateEncoder(ChatTemplate.Find("tulu"), new ByteTokenizer(addsBos: false)).Encode(Messages("user:a", "assistant:b"), encoded);
        Assert.Equal("<|user|>\na\n<|assistant|>\n⟦b</s>⟧", Show(encoded.Ids(0), encoded.Trained(0)));
    }

    [Theory]
    [InlineData("Once upon", true, "<s>Once upon")]
    [InlineData("<s>Once upon", true, "<s>Once upon")]
    [InlineData("Once upon", false, "Once upon")]
    [InlineData("", true, "<s>")]
    public void PlainPromptsGetOneBos(string text, bool addsBos, string expected)
    {
        List<int> ids = [];
        TemplateEncoder.EncodeText(new ByteTokenizer(addsBos), text, ids);
        Assert.Equal(expected, _tokenizer.Decode([.. ids], skipSpecial: false));
    }

    [Fact]
    public void UnknownTemplateAndTokenizerWithoutEosAreNamed()
    {
        Fails(ExitCode.Usage, () => ChatTemplate.Find("tülu"), "tülu", "known are tulu");
        Fails(ExitCode.BadInput, () => _ = new TemplateEncoder(ChatTemplate.Find("tulu"), new ByteTokenizer(hasEos: false)), "no EOS");
    }

    private static Role RoleAt(int index, bool hasSystem)
    {
        int turn = hasSystem ? index - 1 : index;
        return turn < 0 ? Role.System : turn % 2 == 0 ? Role.User : Role.Assistant;
    }

    internal static Message[] Messages(params string[] texts) => [.. texts.Select(text => new Message(
        Enum.Parse<Role>(text[..text.IndexOf(':', StringComparison.Ordinal)], ignoreCase: true),
        text[(text.IndexOf(':', StringComparison.Ordinal) + 1)..]))];

    internal static string Show(ReadOnlySpan<int> ids, ReadOnlySpan<byte> trained)
    {
        string shown = "";
        int start = 0;
        for (int i = 1; i <= ids.Length; i++)
        {
            if (i == ids.Length || trained[i] != trained[start])
            {
                string text = _tokenizer.Decode(ids[start..i], skipSpecial: false);
                shown += trained[start] == 1 ? $"⟦{text}⟧" : text;
                start = i;
            }
        }

        return shown;
    }
}
