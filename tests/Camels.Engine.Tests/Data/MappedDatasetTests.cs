using Camels.Engine.Data;
using Camels.Engine.Tests.Checkpoints;
using Camels.Engine.Training;
using Camels.Testing;
using Xunit;
using static Camels.Engine.Tests.Data.DataTestHelp;

namespace Camels.Engine.Tests.Data;

/// <summary>Datasets that are nothing but configuration: maps as a recipe writes them.</summary>
public sealed class MappedDatasetTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(
        "natural_instructions.json", "{each: Instances, instruction: $.Definition, input: input, output: 'output[0]'}",
        "*Repeat the word twice.*sun*|sun sun", "*Repeat the word twice.*sea*|sea sea", "3: no answer")]
    [InlineData(
        "p3.jsonl", "{prompt: inputs_pretokenized, output: targets_pretokenized, end_marker: <|endoftext|>}",
        "Review: great film. Is it positive?|\nYes", "Pick one: a or b|a", "3: no question")]
    [InlineData(
        "lima.jsonl", "{messages: conversations}",
        "Why is the sky blue?|Because of scattering.", "Hi|Hello|And?|That is all.", "3: no answer")]
    [InlineData("evol_instruct.json", "{instruction: instruction, output: output}", "*Design a bridge of paper.*|Fold it first.", "*Sort [3, 1].*|[1, 3]")]
    [InlineData(
        "vicuna.json", "{messages: conversations, role: from, content: value, system: system_prompt}",
        "System: Be brief.|Who are you?|A camel.", "Bye|Bye!|?", "3: a message from a speaker that roles does not name")]
    [InlineData(
        "forum.jsonl", "{tree: thread.root, replies: answers, role: author, content: body, roles: {op: user, staff: assistant}}",
        "How do I boil an egg?|Ten minutes.|Too hard!|Then six.", "How do I boil an egg?|Ask a cook.")]
    public void PublishedFormatsAreConfiguration(string file, string map, params string[] expected)
    {
        (Conversation[] read, (RecordPlace Place, string Reason)[] leftOut) = Read(Source(map, GoldenConversationTests.Fixture($"mapped/{file}")));
        IEnumerable<string> conversations = read.Select(conversation => string.Join('|', conversation.Messages.Select(message =>
            (message.Role == Role.System ? "System: " : "") + message.Content)));
        string[] actual = [.. conversations, .. leftOut.Select(entry => $"{entry.Place.Record + (map.Contains("each", StringComparison.Ordinal) ? 2 : 0)}: {entry.Reason}")];
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.True(Matches(pair.First, pair.Second), $"expected {pair.First}, is {pair.Second}"));
        Assert.Equal(Enumerable.Range(0, read.Length).Select(i => (long)i), read.Select(conversation => conversation.Index));
    }

    [SharedTheory("data/train/extras")]
    [InlineData("extras/p3_t0_train", "{prompt: prompt, output: completion, end_marker: <|endoftext|>}", 240, 0)]
    [InlineData("extras/user_oriented_instructions.jsonl", "{each: instances, instruction: $.instruction, input: input, output: output}", 252, 0)]
    [InlineData("extras/vicuna_question.jsonl", "{messages: turns}", 0, 80)]
    [InlineData("self_instruct/seed_tasks.jsonl", "{each: instances, instruction: $.instruction, input: input, output: output}", 140, 0)]
    [InlineData("self_instruct/gpt3_finetuning_data_401.jsonl", "{prompt: prompt, output: completion, end_marker: <|endoftext|>}", 120, 0)]
    [InlineData("sharegpt/dummy_conversation.json", "{messages: conversations, role: from, content: value}", 500, 0)]
    [InlineData("sharegpt/sharegpt_no_ids.json", "{messages: conversations, role: from, content: value}", 173, 175)]
    [InlineData("oasst1/en_100_tree.jsonl", "{tree: prompt, replies: replies, role: role, content: text, roles: {prompter: user, assistant: assistant}}", 276, 3)]
    [InlineData("super_ni/tasks/task002_quoref_answer_generation.json",
        "{each: Instances, instruction: '$.Definition[0]', input: input, output: 'output[0]'}", 300, 0)]
    public void PublishersFilesAreConfiguration(string path, string map, int conversations, int leftOut)
    {
        (Conversation[] read, (RecordPlace, string)[] unusable) = Read(Source(map, SharedFiles.Path($"data/train/{path}")));
        Assert.Equal((conversations, leftOut), (read.Length, unusable.Length));
        Assert.All(read, conversation => conversation.CheckOrder());
        Assert.True(!map.Contains("end_marker", StringComparison.Ordinal)
            || Array.TrueForAll(read, conversation => !conversation.Messages[^1].Content.Contains("<|endoftext|>", StringComparison.Ordinal)));
    }

    [Fact]
    public void TheExampleOfTheDocumentationWorks()
    {
        string document = File.ReadAllText(Path.Combine(SharedFiles.Repository, "docs", "datasets.md"));
        string Block(string language) => document.Split($"```{language}\n")[^1].Split("```")[0];
        string recipe = Block("yaml").Replace("dump.jsonl.gz", _folder.Write("dump.jsonl", Block("json")), StringComparison.Ordinal);
        DataSource source = RecipeReader.Parse($"{recipe}\nmodel: {{path: m}}\noutput: o\n", "docs", []).Data.Sources[0];
        Assert.Equal(
            [new Message(Role.System, "Be kind."), new Message(Role.User, "How?"), new Message(Role.Assistant, "Like this.")],
            Assert.Single(Read(source).Read).Messages);
    }

    [Fact]
    public void InstructionsAreDressedPromptsAreNot()
    {
        string path = _folder.Write("d.jsonl", string.Concat(Enumerable.Range(0, 200).Select(i => $$"""{"q": "Q", "x": "", "a": "A"}{{'\n'}}""")));
        Assert.InRange(Read(Source("{instruction: q, input: x, output: a}", path)).Read.Select(conversation => conversation.Messages[0].Content).Distinct().Count(), 10, 14);
        Assert.All(Read(Source("{prompt: q, output: a}", path)).Read, conversation => Assert.Equal("Q", conversation.Messages[0].Content));
    }

    [Theory]
    [InlineData("""{"q": "Q"}""", "{prompt: q, output: a}", "column \"a\" is missing")]
    [InlineData("""{"q": 1, "a": "A"}""", "{prompt: q, output: a}", "column \"q\" is a number, expected text")]
    [InlineData("""{"q": "Q", "a": "A"}""", "{prompt: q.x, output: a}", "column \"q.x\" asks for \"x\" of text")]
    [InlineData("""{"q": "Q", "a": "A"}""", "{prompt: 'q[1]', output: a}", "column \"q[1]\" asks for element 1 of text")]
    [InlineData("""{"m": "Q"}""", "{messages: m}", "column \"m\" is text, expected an array")]
    [InlineData("""{"m": ["x"]}""", "{messages: m, role: r, content: c}", "column \"m[0]\" is text, expected an object")]
    [InlineData("""{"m": [{"r": "user"}, {}]}""", "{messages: 'm', role: r, content: c, each: m}", "column \"m\" is missing")]
    [InlineData("""{"t": {"r": "cat", "c": "x"}}""", "{tree: t, replies: x, role: r, content: c}", "\"t.r\" is \"cat\", which roles does not name")]
    [InlineData("""{"t": 3}""", "{tree: t, replies: x, role: r, content: c}", "column \"t\" is a number, expected an object")]
    public void FilesThatAreNotAsMappedAreErrors(string record, string map, string what) =>
        Fails(ExitCode.BadInput, () => Read(Source(map, _folder.Write("d.jsonl", record))), "d.jsonl, line 1 (record 1)", what);

    [Theory]
    [InlineData("""{"a.b": {"c d": ["x", {"e": "deep"}]}}""", """["a.b"]["c d"][1].e""", "deep")]
    [InlineData("""{"o": {"p": "x"}}""", "$.o.p", "x")]
    [InlineData("""{"o": {"p": "x"}}""", "$[\"o\"][\"p\"]", "x")]
    [InlineData("""{"o": []}""", "o[0]", null)]
    [InlineData("""{"o": null}""", "o.p", null)]
    public void PathsLead(string record, string path, string? expected)
    {
        string file = _folder.Write("d.jsonl", record[..^1] + ", \"a\": \"A\"}");
        DataSource source = new("mine", file) { Map = new DatasetMap { Prompt = path, Output = "a" } };
        (Conversation[] read, (RecordPlace, string Reason)[] leftOut) = Read(source);
        Assert.Equal(expected, read.SingleOrDefault()?.Messages[0].Content);
        Assert.Equal(expected is null ? ["no question"] : [], leftOut.Select(entry => entry.Reason));
    }

    [Theory]
    [InlineData("{instruction: a}", "output goes with instruction or prompt")]
    [InlineData("{output: a}", "exactly one of instruction, prompt, messages, tree")]
    [InlineData("{instruction: a, messages: b, output: c}", "exactly one of")]
    [InlineData("{messages: m, output: a}", "output goes with")]
    [InlineData("{messages: m, role: r}", "role and content go together")]
    [InlineData("{prompt: p, output: o, role: r, content: c}", "go with messages or tree")]
    [InlineData("{prompt: p, output: o, input: i}", "input goes with instruction")]
    [InlineData("{tree: t, role: r, content: c}", "replies goes with tree")]
    [InlineData("{tree: t, replies: r}", "tree needs role and content")]
    [InlineData("{instruction: p, output: o, system: s}", "system goes with")]
    [InlineData("{prompt: 'a..b', output: o}", "\"a..b\" is not a path")]
    [InlineData("{prompt: 'a[x]', output: o}", "\"a[x]\" is not a path")]
    [InlineData("{prompt: 'a[-1]', output: o}", "is not a path")]
    [InlineData("{prompt: 'a[1', output: o}", "is not a path")]
    [InlineData("{prompt: 'a[\"x', output: o}", "is not a path")]
    [InlineData("{prompt: '$a', output: o}", "is not a path")]
    [InlineData("{prompt: a., output: o}", "is not a path")]
    [InlineData("{messages: m, role: r, content: c, roles: {bob: usr}}", "roles.bob is \"usr\", expected system | user | assistant; did you mean user?")]
    [InlineData("{messages: m, speaker: r}", "unknown key data.sources[0].map.speaker")]
    public void MapsThatMakeNoSenseAreRefused(string map, string what)
    {
        CamelsException error = Assert.Throws<CamelsException>(() => Source(map, "d.jsonl"));
        Assert.Equal(ExitCode.Usage, error.Code);
        Assert.Contains(what, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void KnownDatasetsTakeNoMap()
    {
        CamelsException error = Assert.Throws<CamelsException>(() => Source("{messages: m}", "d.jsonl", dataset: "alpaca"));
        Assert.Contains("alpaca is a dataset that needs no map", error.Message, StringComparison.Ordinal);
        Fails(ExitCode.BadInput, () => Read("lima", "d.jsonl"), "unknown dataset \"lima\"", "map");
    }

    [Fact]
    public void MapsAndTreesAreWrittenAsTheyWereRead()
    {
        string[] sources =
        [
            "{dataset: forum, path: f, trees: {paths: every_answer, without_deleted: true, best_replies: 2}, "
                + "map: {tree: thread.root, replies: answers, role: \"the author\", content: body, system: '$[\"a b\"]', roles: {\"x: y\": user, staff: assistant}}}",
            "{dataset: p3, path: f, map: {each: e, instruction: i, input: x, output: 'o[0]', end_marker: \"<|endoftext|>\"}}",
            "{dataset: oasst1, path: f, trees: {without_creator: true}}",
        ];
        Recipe recipe = Parse(string.Join(", ", sources));
        string yaml = RecipeWriter.ToYaml(recipe);
        Recipe again = RecipeReader.Parse(yaml, "again", []);
        Assert.Equal(yaml, RecipeWriter.ToYaml(again));
        Assert.Equal(recipe.Data.Sources.Select(source => source.Trees), again.Data.Sources.Select(source => source.Trees));
        foreach ((DatasetMap? before, DatasetMap? after) in recipe.Data.Sources.Zip(again.Data.Sources, (before, after) => (before.Map, after.Map)))
        {
            Assert.Equal(before?.Roles.OrderBy(role => role.Key), after?.Roles.OrderBy(role => role.Key));
            Assert.Equal(before, after is null ? null : after with { Roles = before!.Roles });
        }
    }

    [Fact]
    public void AMapIsPartOfTheKey()
    {
        DataSource source = Source("{prompt: q, output: a}", _folder.Write("d.jsonl", """{"q": "Q", "a": "A", "b": "B"}""" + "\n"));
        HashSet<string> keys = [];
        foreach (DataSource variant in new[]
        {
            source, source with { Map = source.Map! with { Output = "b" } }, source with { Map = source.Map! with { EndMarker = "x" } },
            source with { Trees = new() { BestReplies = 1 } },
        })
        {
            using PreparationResult result = DataPreparation.Prepare(new() { Sources = [variant] }, new ByteTokenizer(), _folder["prepared"]);
            Assert.False(result.FromCache);
            Assert.True(keys.Add(result.Audit.Key));
        }
    }

    private static bool Matches(string pattern, string text) => pattern.Contains('*')
        ? System.IO.Enumeration.FileSystemName.MatchesSimpleExpression(pattern.Replace("[", "?").Replace("]", "?"), text, ignoreCase: false)
        : pattern == text;

    private static DataSource Source(string map, string path, string dataset = "mine") =>
        Parse($"{{dataset: {dataset}, path: {System.Text.Json.JsonSerializer.Serialize(path)}, map: {map}}}").Data.Sources[0];

    private static Recipe Parse(string sources) => RecipeReader.Parse($"model: {{path: m}}\noutput: o\ndata: {{sources: [{sources}]}}\n", "r.yaml", []);
}
