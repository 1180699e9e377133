using System.Text.Json;
using Camels.Engine.Data;
using Camels.Engine.Tests.Checkpoints;
using Xunit;
using static Camels.Engine.Tests.Data.DataTestHelp;

namespace Camels.Engine.Tests.Data;

public sealed class MixtureTests : IDisposable
{
    private static readonly ByteTokenizer _tokenizer = new();

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void TheMixturesHaveThePapersCounts()
    {
        DataSource[] human = [.. Mixtures.Expand([new("human", "data")])];
        Assert.Equal(
            [("flan_v2", 100_000), ("cot", 100_000), ("dolly", 15_011), ("oasst1", 34_795)],
            human.Select(source => (source.Dataset, source.Most!.Value)));
        Assert.Equal(249_806, human.Sum(source => source.Most));
        DataSource[] both = [.. Mixtures.Expand([new("tulu", "data") { Fraction = 0.1 }])];
        Assert.Equal(human.Select(source => source.Dataset).Concat(["gpt4_alpaca", "code_alpaca", "sharegpt"]), both.Select(source => source.Dataset));
        Assert.Equal(490_694, both.Sum(source => source.Most));
        Assert.All(both, source => Assert.Equal(Path.Combine("data", source.Dataset), source.Path));
        Assert.All(both, source => Assert.Equal(0.1, source.Fraction));
        Fails(ExitCode.Usage, () => Mixtures.Expand([new("human", "data", Examples: 7)]), "human is a mixture");
    }

    [Fact]
    public void AMixtureIsReadFromItsDatasetsFolders()
    {
        foreach ((string folder, string text) in new[]
        {
            ("flan_v2/flan.jsonl", """{"inputs": "a", "targets": "b"}"""),
            ("cot/cot_zsopt.jsonl", """{"inputs": "c", "targets": "d"}"""),
            ("cot/cot_fsopt.jsonl", """{"inputs": "e", "targets": "f"}"""),
            ("dolly/dolly.jsonl", """{"instruction": "g", "context": "", "response": "h", "category": "x"}"""),
            ("oasst1/trees.jsonl", """{"message_tree_id": "1", "prompt": {"message_id": "1", "text": "i", "role": "prompter", "replies": [{"message_id": "2", "text": "j", "role": "assistant", "replies": []}]}}"""),
        })
        {
            Directory.CreateDirectory(Path.GetDirectoryName(_folder[folder])!);
            _folder.Write(folder, text + "\n");
        }

        using PreparationResult result = Prepare(new DataSource("human", _folder.Path));
        Assert.Equal(["flan_v2", "cot", "dolly", "oasst1"], result.Audit.Sources.Select(source => source.Name));
        Assert.Equal([1L, 2, 1, 1], result.Audit.Sources.Select(source => source.Taken));
        Assert.Equal(100_000, result.Audit.Sources[0].Published);
        PreparedSource cot = result.Train.Manifest.Sources[1];
        Assert.Equal(("cot", "cot", 2L, 2L), (cot.Name, cot.Dataset, cot.Records, cot.Conversations));
        Assert.Equal(["cot_fsopt.jsonl", "cot_zsopt.jsonl"], cot.Files.Select(file => file.Name));
        Assert.Equal(DataFiles.Sha256(_folder["cot/cot_zsopt.jsonl"]), cot.Files[1].Sha256);
        Directory.Delete(_folder["dolly"], recursive: true);
        Fails(ExitCode.BadInput, () => Prepare(new DataSource("human", _folder.Path)), "dolly", "no such file or folder");
    }

    [Fact]
    public void ATenthIsPartOfAQuarterIsPartOfAllWhateverTheOrder()
    {
        string[] lines = [.. Enumerable.Range(0, 1000).Select(i => Turns($"question {i}", $"answer {i}"))];
        string forward = _folder.Write("forward.jsonl", string.Concat(lines));
        string backward = _folder.Write("backward.jsonl", string.Concat(lines.Reverse()));
        HashSet<string> all = [], quarter = [], tenth = [];
        foreach ((double fraction, HashSet<string> into) in new[] { (1.0, all), (0.25, quarter), (0.1, tenth) })
        {
            using PreparationResult result = Prepare(new DataSource("messages", forward) { Fraction = fraction });
            into.UnionWith(DataPreparationTests.Contents(result.Train));
            Assert.Equal(1000 * fraction, into.Count);
            Assert.Equal(1000 - into.Count, result.Audit.Sources[0].NotDrawn);
            using PreparationResult reversed = Prepare(new DataSource("messages", backward) { Fraction = fraction });
            Assert.True(into.SetEquals(DataPreparationTests.Contents(reversed.Train)));
        }

        Assert.ProperSubset(all, quarter);
        Assert.ProperSubset(quarter, tenth);
    }

    [Fact]
    public void WeightsMixAsMuchAsTheScarcestSourceAllows()
    {
        string many = _folder.Write("many.jsonl", string.Concat(Enumerable.Range(0, 400).Select(i => Turns($"m {i}", "x"))));
        string few = _folder.Write("few.jsonl", string.Concat(Enumerable.Range(0, 30).Select(i => Turns($"f {i}", "x"))));
        using PreparationResult result = Prepare(
            new DataSource("messages", many) { Weight = 3 }, new DataSource("messages", few) { Weight = 0.5 }, new DataSource("messages", few));
        Assert.Equal([180L, 30, 30], result.Audit.Sources.Select(source => source.Taken));
    }

    [Fact]
    public void ManyPartsOfOneConversationAreDrawnTogether()
    {
        string path = _folder.Write("mine.jsonl", string.Concat(Enumerable.Range(0, 40).Select(i => Turns($"a{i}", "b", $"c{i}", "d", $"e{i}", "f"))));
        using PreparationResult result = DataPreparation.Prepare(
            new PreparationSettings { Sources = [new("messages", path) { Fraction = 0.25 }], SequenceLength = 60, Packing = false }, _tokenizer, _folder["prepared"]);
        Assert.Equal(10, result.Audit.Sources[0].Taken);
        Assert.Equal(20, result.Train.Documents);
    }

    [Theory]
    [InlineData(Deduplicate.None, 5, 0)]
    [InlineData(Deduplicate.Exact, 4, 1)]
    [InlineData(Deduplicate.Near, 3, 2)]
    public void DuplicatesGo(Deduplicate deduplicate, int kept, int removed)
    {
        const string Story = "Once upon a time there was a camel who carried water across the wide desert and never grew tired of it, "
            + "because every evening the stars told him where the next well was and how long the night would be";
        string path = _folder.Write(
            "mine.jsonl",
            Turns("Tell me a story", Story) + Turns("Tell me a story", Story + " ") + Turns("Tell me a story!", Story + ".")
            + Turns("Tell me something else", "No.") + Turns("+", "-"));
        using PreparationResult result = DataPreparation.Prepare(
            new PreparationSettings { Sources = [new("messages", path)], Deduplicate = deduplicate, Packing = false }, _tokenizer, _folder["prepared"]);
        Assert.Equal(kept, result.Train.Documents);
        Assert.Equal((1L, removed), (result.Audit.Sources[0].Duplicate, (int)result.Audit.Sources[0].Removed));
    }

    [Fact]
    public void NearDuplicatesAreFoundUnderWhateverTemplateDressesThem()
    {
        IEnumerable<object> records = Enumerable.Range(0, 100).Select(i => new
        {
            instruction = $"Say what the {i / 2} camels carry across desert number {i / 2}",
            input = "",
            output = $"They carry {i / 2} skins of water{(i % 2 == 0 ? "" : ".")}",
        });
        string path = _folder.Write("alpaca.json", JsonSerializer.Serialize(records));
        using PreparationResult result = DataPreparation.Prepare(
            new PreparationSettings { Sources = [new("stanford_alpaca", path)], Deduplicate = Deduplicate.Near, Packing = false }, _tokenizer, _folder["prepared"]);
        Assert.Equal((50L, 50L), (result.Train.Documents, result.Audit.Sources[0].NearDuplicate));
    }

    // Texts of 200 words with some replaced: the share of equal runs is known, and so is what must be found and what must not.
    [Theory]
    [InlineData(0, 100)]
    [InlineData(2, 100)]
    [InlineData(25, 0)]
    public void NearDuplicatesAreFoundBySharedRunsOfWords(int replaced, int percentFound)
    {
        Random random = new(1);
        NearDuplicates known = new();
        MinHash hash = new();
        int found = 0;
        const int Texts = 300;
        for (int text = 0; text < Texts; text++)
        {
            string[] words = [.. Enumerable.Range(0, 200).Select(_ => $"w{random.Next(5000)}")];
            hash.Compute([new(Role.User, string.Join(' ', words))]);
            Assert.False(known.IsKnown(hash.Signature));
            for (int i = 0; i < replaced; i++)
            {
                words[(i * 200 / replaced) + 3] = "other";
            }

            hash.Compute([new(Role.User, string.Join("  ", words).ToUpperInvariant())]);
            found += known.IsKnown(hash.Signature) ? 1 : 0;
        }

        Assert.InRange(100.0 * found / Texts, percentFound - 3, percentFound + 3);
    }

    [Fact]
    public void ImpossibleSharesAreRefused()
    {
        string path = _folder.Write("mine.jsonl", Turns("a", "b"));
        Fails(ExitCode.Usage, () => Prepare(new DataSource("messages", path) { Fraction = 0 }), "fraction must be above 0");
        Fails(ExitCode.Usage, () => Prepare(new DataSource("messages", path) { Fraction = 1.5 }), "fraction must be above 0");
        Fails(ExitCode.Usage, () => Prepare(new DataSource("messages", path) { Weight = 0 }), "weight must be above 0");
    }

    private PreparationResult Prepare(params DataSource[] sources) => DataPreparation.Prepare(
        new PreparationSettings { Sources = sources, Packing = false }, _tokenizer, _folder["prepared"]);
}
