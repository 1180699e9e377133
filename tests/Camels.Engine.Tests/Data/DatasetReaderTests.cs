using System.IO.Compression;
using System.Text.Json;
using Camels.Engine.Data;
using Camels.Engine.Data.Datasets;
using Camels.Engine.Tests.Checkpoints;
using Xunit;
using static Camels.Engine.Tests.Data.DataTestHelp;

namespace Camels.Engine.Tests.Data;

/// <summary>What each dataset's reader draws, leaves out and refuses.</summary>
public sealed class DatasetReaderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void DataFilesOfAFolderAreFoundInEverySpelling()
    {
        string[] names = ["a.jsonl", "b.JSONL", "c.ndjson", "d.Json", "e.NDJSON.GZ", "f.jsonl.gz"];
        foreach (string name in names)
        {
            byte[] line = JsonSerializer.SerializeToUtf8Bytes(new { prompt = name, completion = "c" });
            _ = _folder.WriteFile(name, name.EndsWith("gz", StringComparison.OrdinalIgnoreCase) ? Gzip(line) : line);
        }

        Assert.Equal(names, Read("prompt_completion", _folder.Path).Select(User));
        using (ZipArchive archive = ZipFile.Open(_folder["g.ZIP"], ZipArchiveMode.Create))
        {
            Array.ForEach(names[..4], name => archive.CreateEntryFromFile(_folder[name], $"in/{name}"));
        }

        Assert.Equal([.. names, .. names[..4]], Read("prompt_completion", _folder.Path).Select(User));
    }

    [Fact]
    public void TablesAreToldByTheirNamesInEverySpelling() =>
        Assert.Equal("t\nThe answer is a.", Assert.Single(Read("cot", _folder.Write("x_train.TSV", "q\ta\tt\n"))).Messages[1].Content);

    [Fact]
    public void SuperNiTakesSixtyAndTwentyOfATask()
    {
        string path = TaskFile(instances: 500, positive: 5);
        Conversation[] read = Read("super_ni", path);
        Assert.Equal(80, read.Length);
        Assert.All(read[..60], conversation => Assert.DoesNotContain("example", User(conversation), StringComparison.Ordinal));
        Assert.All(read[60..], conversation =>
        {
            string[] parts = User(conversation).Split("Input:\n");
            Assert.Equal(4, parts.Length);
            Assert.Equal("Say it.\n\n", parts[0]);
            Assert.NotEqual(parts[1], parts[2]);
            Assert.StartsWith("example ", parts[1], StringComparison.Ordinal);
            Assert.StartsWith("instance ", parts[3], StringComparison.Ordinal);
            Assert.EndsWith("\nOutput:\n", parts[3], StringComparison.Ordinal);
        });
        string[] answers = [.. read.Select(conversation => conversation.Messages[1].Content.Trim())];
        Assert.Equal(80, answers.Distinct().Count());
        Assert.NotEqual(answers.Order(StringComparer.Ordinal), answers);
        Assert.Equal(answers, Read("super_ni", path).Select(conversation => conversation.Messages[1].Content.Trim()));
        Assert.NotEqual(answers, Read("super_ni", path, seed: 1).Select(conversation => conversation.Messages[1].Content.Trim()));
    }

    [Fact]
    public void SuperNiDrawsInstancesAndDemonstrationsEvenly()
    {
        // 400 seeds draw 80 of 100: each is drawn 320 times, with a standard deviation of 8; 40 is five of them.
        int[] drawn = new int[100];
        Dictionary<string, int> shown = [];
        string path = TaskFile(instances: 100, positive: 4);
        for (ulong seed = 0; seed < 400; seed++)
        {
            foreach (Conversation conversation in Read("super_ni", path, seed))
            {
                drawn[int.Parse(conversation.Messages[1].Content.Trim()[3..])]++;
                foreach (string part in User(conversation).Split("Input:\nexample ")[1..])
                {
                    shown[part[..1]] = shown.GetValueOrDefault(part[..1]) + 1;
                }
            }
        }

        Assert.All(drawn, count => Assert.InRange(count, 280, 360));
        Assert.Equal(["0", "1", "2", "3"], shown.Keys.Order());
        Assert.All(shown.Values, count => Assert.InRange(count, 3700, 4300));    // 16,000 places for four examples, deviation about 45
    }

    [Fact]
    public void SmallTasksAreTakenInTheOrderOfTheFile()
    {
        Conversation[] read = Read("super_ni", TaskFile(instances: 80, positive: 1));
        Assert.Equal(Enumerable.Range(0, 80).Select(i => $"out{i}"), read.Select(conversation => conversation.Messages[1].Content.Trim()));
        Assert.All(read[60..], conversation => Assert.Equal(3, User(conversation).Split("Input:\n").Length));
    }

    [Fact]
    public void SuperNiLeavesOutMmluAndTasksThatAreNotListed()
    {
        (Conversation[] read, (RecordPlace Place, string Reason)[] leftOut) = Read(new DataSource("super_ni", GoldenConversationTests.Fixture("super_ni")));
        Assert.Equal(144, read.Length);
        Assert.Equal(2, leftOut.Length);
        Assert.EndsWith("train_tasks.txt, line 2 (record 2)", leftOut[0].Place.ToString(), StringComparison.Ordinal);
        Assert.Contains("MMLU", leftOut[0].Reason, StringComparison.Ordinal);
        Assert.Contains("task9001_doubling.json", leftOut[1].Place.ToString(), StringComparison.Ordinal);
        Assert.Contains("(record 42)", leftOut[1].Place.ToString(), StringComparison.Ordinal);
        Assert.Contains("without an output", leftOut[1].Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void SuperNiNeedsItsListAndTheFilesOnIt()
    {
        File.Copy(TaskFile(instances: 1, positive: 0), _folder["second.json"]);
        Fails(ExitCode.BadInput, () => Read("super_ni", _folder.Path), "no splits/xlingual/train_tasks.txt");
        Directory.CreateDirectory(_folder["splits/xlingual"]);
        _folder.Write("splits/xlingual/train_tasks.txt", "task1_absent\n");
        Fails(ExitCode.BadInput, () => Read("super_ni", _folder.Path), "train_tasks.txt, line 1 (record 1)", "task1_absent has no file");
        _folder.Write("splits/xlingual/train_tasks.txt", "\n \n");
        Fails(ExitCode.BadInput, () => Read("super_ni", _folder.Path), "lists no task");
    }

    [Theory]
    [InlineData("""{"Instances": []}""", "no \"Definition\"")]
    [InlineData("""{"Definition": [], "Instances": []}""", "\"Definition\" is empty")]
    [InlineData("""{"Definition": 7, "Instances": []}""", "\"Definition\" is a number, expected text")]
    [InlineData("""{"Definition": "d", "Instances": {}}""", "expected [")]
    [InlineData("""{"Definition": "d", "Instances": [7]}""", "line 1 (record 1): \"Instances[0]\" is a number")]
    [InlineData("{\"Definition\": \"d\",\n\"Instances\": [{\"input\": \"a\", \"output\": [\"b\"]},\n{\"input\": 1}]}", "line 3 (record 2): column \"Instances[1].input\" is a number")]
    [InlineData("""{"Definition": "d", "Instances": [{"input": "a", "output": [3]}]}""", "\"Instances[0].output[0]\" is a number")]
    [InlineData("""{"Definition": "d", "Positive Examples": [{"input": "a"}, 3]}""", "\"Positive Examples[1]\" is a number")]
    [InlineData("""{"Definition": "d", "Instances": [{"input": "a", "output": ["b"]}]""", "ends inside the object")]
    [InlineData("""{"Definition": "d", "Instances": [{"input": "a", "output": ["b"]}""", "ends inside the array")]
    [InlineData("""{"Definition": "d" "Instances": []}""", "expected , or }")]
    [InlineData("""{"Definition": "d", Instances: []}""", "expected a name in quotes")]
    [InlineData("""{"Definition": "d", "Instances" []}""", "expected :")]
    [InlineData("""{"Definition": "d"} {}""", "text after the end")]
    [InlineData("""{"\ud800": 1, "Definition": "d"}""", "not well-formed Unicode")]
    [InlineData("{\"Definition\": \"d\",\n\"Definition\": \"e\"}", "line 2, column 15: the task has a second \"Definition\"")]
    [InlineData("""{"Definition": "d", "Instances": [], "Instances": []}""", "line 1, column 51: the task has a second \"Instances\"")]
    [InlineData("""{"Definition": "d", "Positive Examples": [], "Positive Examples": []}""", "line 1, column 67: the task has a second \"Positive Examples\"")]
    [InlineData("""{"Definition": "d", "Positive Examples": [{"input": "a", "output": "b", "input": "c"}]}""", "line 1, column 42: broken JSON: Duplicate property 'input'")]
    [InlineData("{\"Definition\": \"d\", \"Instances\": [\n{\"input\": \"a\", \"output\": \"b\", \"input\": \"c\"}]}", "line 2, column 1: broken JSON: Duplicate property 'input'")]
    [InlineData("[]", "expected {")]
    public void BrokenTasksAreNamed(string text, string what) =>
        Fails(ExitCode.BadInput, () => Read("super_ni", _folder.Write("task.json", text)), "task.json", what);

    [Fact]
    public void DefinitionsMayFollowTheirInstances()
    {
        string path = _folder.Write("task.json", """{"Instances": [{"input": "a", "output": "b"}], "Positive Examples": [], "Definition": ["late"]}""");
        Assert.Contains("late", User(Assert.Single(Read("super_ni", path))), StringComparison.Ordinal);
    }

    [Fact]
    public void CotDrawsFiftyThousandOfEachRenderedFile()
    {
        const int Records = Cot.MostOfAFile + 10_000;
        string text = string.Concat(Enumerable.Range(0, Records).Select(i => $$"""{"inputs": "q{{i}}", "targets": "a"}{{'\n'}}"""));
        _folder.Write("cot_zsopt.jsonl", text);
        _folder.Write("cot_fsopt.jsonl", text);
        _folder.Write("few.jsonl", """{"inputs": "few", "targets": "a"}""");
        Conversation[] read = Read("cot", _folder.Path);
        Assert.Equal([50_000, 50_000, 1], read.CountBy(conversation => conversation.Place.File).Select(entry => entry.Value));
        string[] first = [.. read[..50_000].Select(User)];
        string[] second = [.. read[50_000..100_000].Select(User)];
        Assert.Equal(50_000, first.Distinct().Count());
        Assert.Equal(first.OrderBy(user => int.Parse(user[1..])), first);
        Assert.NotEqual(first, second);
        Assert.InRange(first.Count(user => int.Parse(user[1..]) < Records / 2), 24_700, 25_300);    // deviation about 46
        Assert.NotEqual(first, Read("cot", _folder.Path, seed: 7)[..50_000].Select(User));
    }

    [Theory]
    [InlineData("question\tanswer\n", "line 1 (record 1): the row has 2 columns, expected 3: question, answer, chain of thought")]
    [InlineData("a\tb\tc\na\tb\tc\td\n", "line 2 (record 2): the row has 4 columns")]
    [InlineData("a\tb\tc\n\na\tb\tc\n", "line 2 (record 2): the row has 1 columns")]
    public void WrongColumnsOfTablesAreNamed(string text, string what) =>
        Fails(ExitCode.BadInput, () => Read("cot", _folder.Write("x_train.tsv", text)), "x_train.tsv", what);

    [Fact]
    public void InvalidUtf8InTablesIsNamed() =>
        Fails(ExitCode.BadInput, () => Read("cot", _folder.WriteFile("x.tsv", [.. "a\tb\tc\nd\te\t"u8, 0xFF, (byte)'\n'])), "x.tsv, line 2, column 5: invalid UTF-8");

    [Fact]
    public void WhatRowsOfTablesHold()
    {
        Conversation[] read = Read("cot", _folder.WriteFile("x.tsv", [0xEF, 0xBB, 0xBF, .. """Q\nR	a\nb	 c\nd  """u8, .. "\r\n"u8, .. "q\t \tc"u8]));
        Assert.Equal([new Message(Role.User, "Q\nR"), new Message(Role.Assistant, "c\nd\nThe answer is a\\nb.")], read[0].Messages);
        Assert.True(read[1].HasEmptyAnswer);
        Assert.Empty(Read("cot", _folder.Write("empty.tsv", "")));
    }

    [Theory]
    [InlineData("x", "x\n")]
    [InlineData("x\n", "x\n")]
    [InlineData("x:", "x:")]
    [InlineData("x: \t", "x: \t")]
    [InlineData("x ", "x \n")]
    public void RenderedPromptsEndWithALineUnlessTheyAsk(string inputs, string user) =>
        Assert.Equal(user, User(Assert.Single(Read("flan_v2", _folder.Write("f.jsonl", JsonSerializer.Serialize(new { inputs, targets = " t" }))))));

    [Fact]
    public void OtherSpeakersOfTreesAreErrors()
    {
        string path = _folder.Write("t.jsonl", """{"prompt": {"role": "prompter", "text": "a", "replies": [{"role": "robot", "text": "b"}]}}""");
        Fails(ExitCode.BadInput, () => Read("oasst1", path), "line 1 (record 1)", "\"prompt.replies[0].role\" is \"robot\", expected prompter or assistant");
        Fails(ExitCode.BadInput, () => Read("oasst1", _folder.Write("u.jsonl", "{}")), "column \"prompt\" is missing, expected an object");
    }

    [Theory]
    [InlineData(TreePaths.Leaves, false, false, null, "helper/count/One helper/count/Yes helper/count/No OpenAssistant/Thanks/Welcome Test Kamel", 1)]
    [InlineData(TreePaths.EveryAnswer, false, false, null,
        "helper helper/count/One helper/count/Yes helper/count/No OpenAssistant OpenAssistant/Thanks/Welcome friend Test Kamel", 1)]
    [InlineData(TreePaths.Leaves, true, false, null, "helper/count/One helper/count/Yes helper/count/No Test Kamel", 2)]
    [InlineData(TreePaths.Leaves, false, true, null, "helper/count/One helper/count/Yes helper/count/No OpenAssistant/Thanks/Welcome Kamel", 2)]
    [InlineData(TreePaths.Leaves, false, false, 1, "helper/count/Yes Test", 6)]
    [InlineData(TreePaths.Leaves, false, false, 2, "helper/count/Yes helper/count/One OpenAssistant/Thanks/Welcome Test Kamel", 3)]
    public void TreesFollowTheirRule(TreePaths paths, bool withoutCreator, bool withoutDeleted, int? best, string expected, int leftOut)
    {
        TreeRule rule = new() { Paths = paths, WithoutCreator = withoutCreator, WithoutDeleted = withoutDeleted, BestReplies = best };
        (Conversation[] read, (RecordPlace, string)[] unusable) = Read(new DataSource("oasst1", GoldenConversationTests.Fixture("oasst1")) { Trees = rule });
        string[] keys = ["helper", "count", "One", "Yes", "No", "OpenAssistant", "Thanks", "Welcome", "friend", "Test", "Kamel"];
        Assert.Equal(expected.Split(' '), read.Select(conversation =>
            string.Join('/', conversation.Messages[1..].Select(message => keys.First(key => message.Content.Contains(key, StringComparison.Ordinal))))));
        Assert.Equal(leftOut, unusable.Length);
    }

    [Fact]
    public void TheRuleOf2023IsEveryAnswer()
    {
        DataSource source = new("oasst1", GoldenConversationTests.Fixture("oasst1"));
        Assert.Equal(9, Read(source, compatibility: Compatibility.OpenInstruct2023).Read.Length);
        Assert.Equal(6, Read(source with { Trees = new() { Paths = TreePaths.Leaves } }, compatibility: Compatibility.OpenInstruct2023).Read.Length);
    }

    [Fact]
    public void BaizeLeavesOutWhatIsNoRound()
    {
        (Conversation[] read, (RecordPlace Place, string Reason)[] leftOut) = Read(new DataSource("baize", GoldenConversationTests.Fixture("baize")));
        Assert.Equal([2, 4, 2], read.Select(conversation => conversation.Messages.Length));
        Assert.Equal([(2, "a round has several answers"), (3, "no round of a human and an answer")], leftOut.Select(entry => ((int)entry.Place.Record, entry.Reason)));
    }

    [Fact]
    public void ShareGptLeavesOutWhatIsNoConversation()
    {
        (Conversation[] read, (RecordPlace Place, string Reason)[] leftOut) = Read(new DataSource("sharegpt", GoldenConversationTests.Fixture("sharegpt")));
        Assert.Equal([1L, 5, 8, 11], read.Select(conversation => conversation.Place.Record));
        Assert.Equal(
            [
                (2, "the first message is not the user's"), (3, "no messages"), (4, "no answer"), (6, "a message from system or bing"),
                (7, "user and assistant do not take turns"), (9, "a message from system or bing"), (10, "a message from an unknown speaker"),
            ],
            leftOut.Select(entry => ((int)entry.Place.Record, entry.Reason)));
    }

    // Lengths are letters, six more a message: pairs of 2·(4 + 6) = 20 in rows of 45 fit twice.
    [Theory]
    [InlineData("4 4 4 4", "0-4")]
    [InlineData("4 4 4 4 4", "0-4")]                   // an odd last message is dropped
    [InlineData("4 4 4 4 4 4 4 4", "0-4 4-8")]
    [InlineData("4 4 4 4 4 4", "0-4")]                 // the third pair, a last one, is lost
    [InlineData("40 4 4 4 4 4", "2-6")]                // too long alone: skipped, and the next pair overflows once more
    [InlineData("4 4 40 4 4 4 4 4", "0-2 4-8")]
    [InlineData("40 4", "")]
    [InlineData("4", "")]
    public void TheSplittingOf2023IsReproduced(string lengths, string expected)
    {
        string[] texts = [.. lengths.Split(' ').Select((length, i) => $"{i}".PadRight(int.Parse(length), 'x'))];
        string record = JsonSerializer.Serialize(new { id = "x", conversations = texts.Select((value, i) => new { from = i % 2 == 0 ? "human" : "gpt", value }) });
        (Conversation[] read, (RecordPlace, string)[] leftOut) = Read(
            new DataSource("sharegpt", _folder.Write("s.json", $"[{record}]")), compatibility: Compatibility.OpenInstruct2023,
            countTokens: text => text.Length, sequenceLength: 45);
        string[] segments = [.. read.Select(conversation => $"{conversation.Messages[0].Content[0]}-{conversation.Messages[^1].Content[0] - '0' + 1}")];
        Assert.Equal(expected, string.Join(' ', segments));
        int kept = segments.Sum(segment => segment[2] - segment[0]);
        Assert.Equal(kept < texts.Length, leftOut.Length > 0);
    }

    private static string User(Conversation conversation) => conversation.Messages[0].Content;

    private string TaskFile(int instances, int positive)
    {
        var task = new
        {
            Definition = new[] { "Say it." },
            Positive = Enumerable.Range(0, positive).Select(i => new { input = $"example {i}", output = $"shown{i}" }),
            Instances = Enumerable.Range(0, instances).Select(i => new { id = $"{i}", input = $"instance {i}", output = new[] { $"out{i}", "other" } }),
        };
        return _folder.Write("task.json", JsonSerializer.Serialize(task).Replace("\"Positive\"", "\"Positive Examples\"", StringComparison.Ordinal));
    }
}
