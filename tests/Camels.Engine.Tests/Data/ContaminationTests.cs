using System.Text.Json;
using Camels.Engine.Data;
using Camels.Engine.Tests.Checkpoints;
using Camels.Testing;
using Xunit;
using static Camels.Engine.Tests.Data.DataTestHelp;

namespace Camels.Engine.Tests.Data;

public sealed class ContaminationTests : IDisposable
{
    private static readonly string[] _benchmarks =
        ["mmlu", "gsm", "bbh", "tydiqa", "codex_humaneval", "alpaca_eval", "toxigen", "truthfulqa", "drop", "crass", "hhh", "creative_tasks", "human_eval"];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void AnItemInARecordIsFoundListedAndRemovedWhereAsked()
    {
        _ = Directory.CreateDirectory(_folder["eval/mine"]);
        _folder.Write("eval/mine/test.jsonl", """{"question": "How many wells does a camel pass between Cairo and the sea?"}""" + "\n" + """{"question": "Who?"}""" + "\n");
        string path = _folder.Write(
            "data.jsonl",
            Turns("a", "b") + Turns("Answer this:\n\nHOW MANY wells does a camel\npass, between Cairo and the sea? Briefly.", "Four.") + Turns("c", "Who? I do not know."));
        using PreparationResult kept = Prepare(path, removes: false);
        Assert.Equal(3, kept.Train.Documents);
        ContaminationAudit audit = kept.Audit.Contamination!;
        Assert.Equal((1L, 0L), (audit.Records, audit.Removed));
        Assert.Equal([new BenchmarkContamination("mine", 2, 1)], audit.Benchmarks);
        JsonElement find = JsonDocument.Parse(File.ReadAllText(_folder["prepared/contamination.jsonl"])).RootElement;
        Assert.Equal(("mine", "mine/test.jsonl:1", 1.0), (find.GetProperty("benchmark").GetString(), find.GetProperty("item").GetString(), find.GetProperty("coverage").GetDouble()));
        Assert.Contains("data.jsonl, line 2 (record 2)", find.GetProperty("record").GetString(), StringComparison.Ordinal);

        using PreparationResult removed = Prepare(path, removes: true);
        Assert.Equal(2, removed.Train.Documents);
        Assert.Equal((1L, 1L), (removed.Audit.Contamination!.Records, removed.Audit.Contamination.Removed));

        Fails(ExitCode.BadInput, () => Prepare(path, removes: false, strict: true), "give away evaluation items", "line 2 (record 2)");
        File.AppendAllText(_folder["eval/mine/test.jsonl"], """{"question": "I do not know, said the camel to the well"}""" + "\n");
        using PreparationResult changed = Prepare(path, removes: true);
        Assert.False(changed.FromCache);
    }

    [Theory]
    [InlineData(1, 1, true)]
    [InlineData(5, 5, true)]
    [InlineData(4, 5, false)]
    [InlineData(8, 10, true)]
    [InlineData(7, 10, false)]
    [InlineData(61, 95, true)]
    public void LongItemsMayLackAShareOfTheirRuns(int runs, int of, bool isLeaked) => Assert.Equal(isLeaked, ContaminationIndex.IsGivenAway(runs, of));

    [Fact]
    public void PhrasesOfManyItemsAreNoEvidence()
    {
        const string Phrase = "Read the passage below with care, think about each of the four answers in turn, and then say which of the "
            + "following statements is the one that is correct about";
        EvaluationItem[] items = [.. Enumerable.Range(0, 30).Select(i =>
            new EvaluationItem("b", $"{i}", [$"{Phrase} topic number {i} alpha{i} beta{i}?"]))];
        ContaminationProbe probe = new(new ContaminationIndex([.. items]));
        probe.Look([new(Role.User, $"{Phrase} topic number nine?")]);
        Assert.Empty(probe.Found);
        probe.Look([new(Role.User, items[7].Texts[0])]);
        Assert.Equal([7], probe.Found.Keys);
    }

    [Fact]
    public void BrokenOrAbsentEvaluationSetsAreNamed()
    {
        string path = _folder.Write("data.jsonl", Turns("a", "b"));
        Fails(ExitCode.BadInput, () => Prepare(path, removes: false), "eval", "no such folder");
        _ = Directory.CreateDirectory(_folder["eval/.git"]);
        Fails(ExitCode.BadInput, () => Prepare(path, removes: false), "eval", "no evaluation set");
        _ = Directory.CreateDirectory(_folder["eval/gsm"]);
        _folder.Write("eval/gsm/test.jsonl", "{\"question\": \"x\"}\n{\n");
        Fails(ExitCode.BadInput, () => Prepare(path, removes: false), "test.jsonl, line 2", "not the evaluation set");
        _folder.Write("eval/gsm/test.jsonl", "{\"question\": \"x\"}\n");
        _ = Directory.CreateDirectory(_folder["eval/drop"]);
        byte[] item = DataTestHelp.Gzip("{\"context\": \"x\"}\n"u8);
        _ = _folder.WriteFile("eval/drop/drop_v0_dev.jsonl.gz", [.. item, 0x9F, .. item.AsSpan(1)]);
        Fails(ExitCode.BadInput, () => Prepare(path, removes: false), "drop_v0_dev.jsonl.gz", "is damaged");
    }

    // Beside a good benchmark: whatever could not be compared would look compared and clean.
    [Theory]
    [InlineData("mmlu/data/test/physics_test.csv", "What is heat?,a,b,c,d,A\n", "eval/mmlu: holds no item", "test/*.csv")]
    [InlineData("nested/sub/test.jsonl", "{\"question\": \"What is heat?\"}\n", "eval/nested: holds no item", "*.jsonl with prompt, question, instruction, input, text")]
    [InlineData("truthfulqa/TruthfulQA.csv", "Type,Q\na,What is heat?\n", "eval/truthfulqa: holds no item", "a column Question")]
    [InlineData("mine/test.jsonl", "{\"question\": \"a\"}\n{\"messages\": [\"What is heat?\"]}\n", "eval/mine: item mine/test.jsonl:2 has no word", "prompt, question")]
    [InlineData("bbh/bbh/a.json", "{\"examples\": [{\"inputs\": \"What is heat?\"}]}", "eval/bbh: item bbh/a.json:1 has no word", "each with input")]
    [InlineData("test.jsonl", "{\"question\": \"What is heat?\"}\n", "eval/test.jsonl: lies outside a folder")]
    public void ABenchmarkThatCannotBeComparedIsNamed(string file, string text, params string[] inMessage)
    {
        string path = _folder.Write("data.jsonl", Turns("a", "b"));
        foreach ((string name, string content) in new[] { ("gsm/test.jsonl", "{\"question\": \"x\"}\n"), (file, text) })
        {
            _ = Directory.CreateDirectory(Path.GetDirectoryName(_folder[$"eval/{name}"])!);
            _folder.Write($"eval/{name}", content);
        }

        Fails(ExitCode.BadInput, () => Prepare(path, removes: false), inMessage);
    }

    [SharedFact("data/eval")]
    public void TheBenchmarksItemsAreThoseOfTheirReadme()
    {
        Dictionary<string, int> counts = EvaluationSets.Read(SharedFiles.Path("data/eval")).GroupBy(item => item.Benchmark)
            .ToDictionary(group => group.Key, group => group.Count());
        Assert.Equal(_benchmarks.Order(StringComparer.Ordinal), counts.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(
            (990, 5187, 3810, 123, 687, 2370, 613, 7207, 206, 168, 332, 664),
            (counts["gsm"], counts["bbh"], counts["tydiqa"], counts["codex_humaneval"], counts["alpaca_eval"], counts["toxigen"], counts["truthfulqa"],
                counts["drop"], counts["crass"], counts["hhh"], counts["creative_tasks"], counts["human_eval"]));
    }

    // Short questions share their words with others; what tells them apart are the choices, with the letters that stand between them.
    [SharedFact("data/eval")]
    public void EveryMmluItemIsFoundAsItIsAsked()
    {
        List<EvaluationItem> items = EvaluationSets.Read(SharedFiles.Path("data/eval"));
        ContaminationProbe probe = new(new ContaminationIndex(items));
        int item = items.FindIndex(item => item.Benchmark == "mmlu");
        List<string> missed = [];
        foreach (string file in Directory.EnumerateFiles(SharedFiles.Path("data/eval/mmlu/test")).Order(StringComparer.Ordinal))
        {
            foreach (string[] row in Csv.Read(File.ReadAllText(file)))
            {
                probe.Look([new(Role.User, $"{row[0]}\nA. {row[1]}\nB. {row[2]}\nC. {row[3]}\nD. {row[4]}\nAnswer:"), new(Role.Assistant, row[5])]);
                if (!probe.Found.ContainsKey(item))
                {
                    missed.Add(items[item].Id);
                }

                item++;
            }
        }

        Assert.Empty(missed);
    }

    // 20 items of ten benchmarks in a real dataset, bare, dressed by an instruction, and with a word changed: all are found. What else is
    // found must be an item's own words.
    [SharedFact("data/eval", "data/train/dolly")]
    public void TwentyPlantedLeaksAreAllFound()
    {
        List<EvaluationItem> items = EvaluationSets.Read(SharedFiles.Path("data/eval"));
        Random random = new(4);
        EvaluationItem[] planted = [.. _benchmarks.Where(name => name is not ("toxigen" or "tydiqa" or "human_eval")).SelectMany(name =>
            items.Where(item => item.Benchmark == name && item.Texts[0].Split(' ').Length > 12).OrderBy(_ => random.Next()).Take(2))];
        Assert.Equal(20, planted.Length);
        ContaminationProbe probe = new(new ContaminationIndex(items));
        HashSet<string> found = [];
        for (int i = 0; i < planted.Length; i++)
        {
            string text = planted[i].Texts[0];
            probe.Look([new(Role.User, i % 2 == 0 ? text : $"Task: {text}\n\nAnswer:"), new(Role.Assistant, "42")]);
            found.UnionWith(probe.Found.Keys.Select(key => items[key].Id));
            Assert.Contains(planted[i], probe.Found.Keys.Select(key => items[key]));
        }

        // The others are the same question in another benchmark, or another question about the same passage.
        long clean = 0;
        foreach (Conversation conversation in Read("dolly", SharedFiles.Path("data/train/dolly")))
        {
            probe.Look(conversation.Messages);
            clean += probe.Found.Count > 0 ? 1 : 0;
        }

        Assert.InRange(clean, 0, 20);   // of 4,000; docs/data.md says which and why
    }

    private PreparationResult Prepare(string path, bool removes, bool strict = false) => DataPreparation.Prepare(
        new PreparationSettings
        {
            Sources = [new("messages", path)],
            EvaluationFolder = _folder["eval"],
            RemovesContaminated = removes,
            Strict = strict,
        },
        new ByteTokenizer(),
        _folder["prepared"]);
}
