using System.Text;
using Camels.Engine.Data;
using Camels.Engine.Tests.Checkpoints;
using FsCheck;
using FsCheck.Fluent;
using Xunit;
using static Camels.Engine.Tests.Data.DataTestHelp;

namespace Camels.Engine.Tests.Data;

public sealed class JsonRecordsTests : IDisposable
{
    private const string Good = """{"prompt": "p", "completion": "c"}""";
    private const string Twice = """{"prompt": "a", "completion": "b", "prompt": "c"}""";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(Good + "\n" + Good + "\n")]
    [InlineData(Good + "\n" + Good)]
    [InlineData("\n \n" + Good + "\r\n\r\n" + Good + "\r\n\n")]
    [InlineData("\ufeff" + Good + "\n" + Good)]
    [InlineData("[" + Good + "," + Good + "]")]
    [InlineData("\ufeff \n[\n  " + Good + "\n , " + Good + "\n]\n\n")]
    public void LinesAndArraysAreRead(string text)
    {
        Conversation[] read = Read("prompt_completion", _folder.Write("data.json", text));
        Assert.Equal([0L, 1L], read.Select(conversation => conversation.Index));
        Assert.All(read, conversation => Assert.Equal(["p", "c"], conversation.Messages.Select(message => message.Content)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData(" \n [ \n ] \n")]
    public void NothingIsNoRecord(string text) => Assert.Empty(Read("prompt_completion", _folder.Write("data.json", text)));

    [Theory]
    [InlineData(Good + "\n" + """{"prompt": "p", "completion" "c"}""", "line 2, column 30", "broken JSON")]
    [InlineData(Good + "\n" + """{"prompt": "p", """ + "\n" + Good, "line 2, column", "broken JSON")]
    [InlineData(Good + "\n[]", "line 2 (record 2)", "must be an object")]
    [InlineData(Good + "\n" + Good + Good, "line 2, column 35", "broken JSON")]
    [InlineData("hello", "line 1, column 1", "expected a JSON array of objects, or one JSON object a line")]
    [InlineData("[" + Good + "\n" + Good + "]", "line 2, column 1", "expected , or ]")]
    [InlineData("[" + Good + ",\n  7]", "line 2 (record 2)", "must be an object")]
    [InlineData("[" + Good + ",\n\n  {\"prompt\": x}]", "line 3, column 14", "broken JSON")]
    [InlineData("[" + Good + ",\n{\n\"prompt\":\n x}]", "line 4, column 2", "broken JSON")]
    [InlineData("[" + Good + ",", "line 1, column", "broken JSON")]
    [InlineData("[" + Good, "line 1, column 36", "the file ends inside the array")]
    [InlineData("[" + Good + "]\n[]", "line 2, column 1", "text after the end")]
    [InlineData("[" + Good + ",]", "line 1, column 37", "broken JSON")]
    [InlineData(Good + "\n" + """{"prompt": "p"}""", "line 2 (record 2)", "column \"completion\" is missing or null")]
    [InlineData("""{"prompt": null, "completion": "c"}""", "line 1 (record 1)", "column \"prompt\" is missing or null")]
    [InlineData("""{"prompt": ["p"], "completion": "c"}""", "line 1 (record 1)", "column \"prompt\" is an array, expected text")]
    [InlineData("""{"prompt": 3, "completion": "c"}""", "line 1 (record 1)", "column \"prompt\" is a number, expected text")]
    [InlineData(Twice, "line 1, column 1", "property 'prompt'")]
    [InlineData("[" + Good + ",\n" + Twice + "]", "line 2, column 1", "property 'prompt'")]
    [InlineData("{\n\"prompt\": \"p\", \"completion\": \"c\"\n}\n" + Twice, "line 4, column 1", "property 'prompt'")]
    [InlineData("""[{"more": [{"a": 1, "a": 2}]}]""", "line 1, column 2", "property 'a'")]
    [InlineData("""[{"\ud800pt": "", "completion": "c"}]""", "line 1, column 2", "not well-formed Unicode")]
    [InlineData("""{"prompt": "\ud800", "completion": "c"}""", "line 1 (record 1)", "column \"prompt\" is not well-formed Unicode")]
    [InlineData("""{"\ud800pt": "", "completion": "c"}""", "line 1, column 1", "not well-formed Unicode")]
    public void WhatIsWrongAndWhereIsNamed(string text, string where, string what) =>
        Fails(ExitCode.BadInput, () => Read("prompt_completion", _folder.Write("data.json", text)), "data.json", where, what);

    [Theory]
    [InlineData("""{"messages": "hi"}""", "column \"messages\" is text, expected an array")]
    [InlineData("""{"message": []}""", "column \"messages\" is missing, expected an array")]
    [InlineData("""{"messages": [{"role": "user", "content": "a"}, "b"]}""", "column \"messages[1]\" is text, expected an object")]
    [InlineData("""{"messages": [{"role": "assistant", "content": "a", "weight": 0}]}""", "column \"messages[0].weight\" is not 1, and every answer is trained")]
    [InlineData("""{"messages": [{"role": "assistant", "content": "a", "weight": "1"}]}""", "column \"messages[0].weight\" is not 1, and every answer is trained")]
    [InlineData("""{"messages": [{"role": "human", "content": "a"}]}""", "column \"messages[0].role\" is \"human\", expected system, user")]
    [InlineData("""{"messages": [{"role": "user"}]}""", "column \"messages[0].content\" is missing")]
    public void NestedColumnsAreNamed(string text, string what) =>
        Fails(ExitCode.BadInput, () => Read("messages", _folder.Write("data.jsonl", text)), "line 1 (record 1)", what);

    [Theory]
    [InlineData("stanford_alpaca", """{"input": "", "output": "o"}""", "column \"instruction\" is missing")]
    [InlineData("alpaca", """{"instruction": "i", "input": ""}""", "column \"output\" is missing")]
    [InlineData("gpt4_alpaca", """{"instruction": "i", "input": 1, "output": "o"}""", "column \"input\" is a number")]
    [InlineData("dolly", """{"instruction": "i", "input": "", "output": "o"}""", "column \"response\" is missing")]
    public void InstructionColumnsAreNamed(string dataset, string text, string what) =>
        Fails(ExitCode.BadInput, () => Read(dataset, _folder.Write("data.json", $"[{text}]")), "line 1 (record 1)", what);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void InvalidUtf8IsNamed(bool isArray)
    {
        byte[] text = Encoding.UTF8.GetBytes((isArray ? "[" : "") + "{}\n".Replace("{}", Good, StringComparison.Ordinal)
            + (isArray ? "," : "") + """{"prompt": "p", "completion": "?"}""" + (isArray ? "]" : ""));
        text[Array.LastIndexOf(text, (byte)'?')] = 0xE9;
        Fails(
            ExitCode.BadInput,
            () => Read("prompt_completion", _folder.WriteFile("data.json", text)),
            isArray ? "line 2, column 33" : "line 2, column 32",
            "invalid UTF-8");
    }

    [Theory]
    [InlineData(StrictJson.MaximumDepth - 2, true)]
    [InlineData(StrictJson.MaximumDepth, false)]
    [InlineData(200_000, false)]
    public void DeepNestingIsRefused(int depth, bool isFine)
    {
        string nested = $$"""{"prompt": "p", "completion": "c", "x": {{new string('[', depth)}}{{new string(']', depth)}}}""";
        foreach (string text in new[] { nested, $"[{nested}]" })
        {
            string path = _folder.Write("data.json", text);
            if (isFine)
            {
                Assert.Single(Read("prompt_completion", path));
            }
            else
            {
                Fails(ExitCode.BadInput, () => Read("prompt_completion", path), "line 1", "depth");
            }
        }
    }

    [Theory]
    [InlineData("{0}\n{0}")]
    [InlineData("[{0},{0}]")]
    public void MegabyteRecordsAreFine(string format)
    {
        string record = $$"""{"prompt": "{{new string('x', 1 << 20)}}", "completion": "c"}""";
        Conversation[] read = Read("prompt_completion", _folder.Write("data.json", format.Replace("{0}", record, StringComparison.Ordinal)));
        Assert.Equal([1 << 20, 1 << 20], read.Select(conversation => conversation.Messages[0].Content.Length));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[")]
    public void EndlessRecordsAreRefused(string start)
    {
        string path = _folder["data.json"];
        using (FileStream file = new(path, FileMode.Create))
        {
            file.Write(Encoding.UTF8.GetBytes(start + "{\"prompt\": \""));
            byte[] letters = new byte[1 << 20];
            Array.Fill(letters, (byte)'x');
            while (file.Position < TextScanner.MaxRecordBytes * 3L / 2)
            {
                file.Write(letters);
            }
        }

        Fails(ExitCode.BadInput, () => Read("prompt_completion", path), "line 1", "longer than 64 MiB");
    }

    [Fact]
    public void RecordsAreStreamed()
    {
        string path = _folder.Write("data.jsonl", string.Concat(Enumerable.Repeat(Good + "\n", 10_000)) + "broken");
        DatasetFormat format = DatasetCatalog.Find("prompt_completion");
        DatasetInput input = new() { Dataset = format.Name, Files = [path], Seed = 0 };
        Assert.Equal(10, format.Read(input).Take(10).Count());
        Assert.InRange(input.BytesRead, 1, 100_000);
    }

    [Fact]
    public void FoldersAreReadInOrdinalOrderWithOneRunningIndex()
    {
        _folder.Write("b.jsonl", Good.Replace("p\"", "second\"", StringComparison.Ordinal));
        _folder.Write("B.json", $"[{Good}]");
        _folder.Write("notes.txt", "not data");
        Conversation[] read = Read("prompt_completion", _folder.Path);
        Assert.Equal(["B.json", "b.jsonl"], read.Select(conversation => Path.GetFileName(conversation.Place.File)));
        Assert.Equal([0L, 1L], read.Select(conversation => conversation.Index));
        Assert.Equal([1L, 1L], read.Select(conversation => conversation.Place.Record));
    }

    [Fact]
    public void MissingFilesAndUnknownDatasetsAreNamed()
    {
        Fails(ExitCode.BadInput, () => Read("dolly", _folder["absent.jsonl"]), "absent.jsonl", "no such file or folder");
        Fails(ExitCode.BadInput, () => Read("dolly", _folder.Path), "has no .json or .jsonl or .ndjson file");
        Fails(ExitCode.BadInput, () => Read("dollie", _folder.Path), "\"dollie\"", "messages", "stanford_alpaca, alpaca", "dolly");
    }

    [Theory]
    [InlineData("messages", """{"messages": [{"role": "user", "content": "a é"}, {"role": "assistant", "content": "b\n\ud83d\ude42"}]}""")]
    [InlineData("stanford_alpaca", """{"instruction": "i \u00e9", "input": "", "output": "o", "extra": [1, {"a": null}]}""")]
    public void MutatedBytesGiveRecordsOrABadInputError(string dataset, string record)
    {
        byte[][] seeds = [Encoding.UTF8.GetBytes($"{record}\n{record}\n"), Encoding.UTF8.GetBytes($"[\n{record},\n {record}]\n")];
        Gen<byte[]> mutated =
            from seed in Gen.Elements(seeds)
            from places in Gen.Choose(0, seed.Length - 1).ListOf(4)
            from values in Gen.Elements([.. "{}[]\",:\\ \n\0u0"u8.ToArray().Concat<byte>([0x80, 0xC3, 0xED, 0xFF])]).ListOf(4)
            from cut in Gen.Frequency((3, Gen.Constant(seed.Length)), (1, Gen.Choose(0, seed.Length)))
            select Mutate(seed, places, values)[..cut];

        Prop.ForAll(mutated.ToArbitrary(), bytes =>
        {
            string path = _folder.WriteFile("fuzz.json", bytes);
            try
            {
                foreach (Conversation conversation in Read(dataset, path))
                {
                    conversation.CheckOrder();
                }
            }
            catch (CamelsException failure)
            {
                Assert.Equal(ExitCode.BadInput, failure.Code);
                Assert.Contains("fuzz.json, line ", failure.Message, StringComparison.Ordinal);
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1500));
    }

    private static byte[] Mutate(byte[] seed, IList<int> places, IList<byte> values)
    {
        byte[] bytes = [.. seed];
        for (int i = 0; i < places.Count; i++)
        {
            bytes[places[i]] = values[i];
        }

        return bytes;
    }
}
