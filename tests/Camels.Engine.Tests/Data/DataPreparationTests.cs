using System.Text;
using Camels.Engine.Data;
using Camels.Engine.Tests.Checkpoints;
using Camels.Engine.Tokenizers;
using FsCheck;
using FsCheck.Fluent;
using Xunit;
using static Camels.Engine.Tests.Data.DataTestHelp;

namespace Camels.Engine.Tests.Data;

public sealed class DataPreparationTests : IDisposable
{
    private static readonly ByteTokenizer _tokenizer = new();

    private readonly TemporaryFolder _folder = new();

    private string Output => _folder["prepared"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void RowsHoldTheConversationsTokenForToken()
    {
        string path = _folder.Write("mine.jsonl", Turns("Hi", "Hello!") + Turns("1+1", "2", "2+2", "4") + Turns("x", "y"));
        using PreparationResult result = Prepare(path, new PreparationSettings { Sources = [], SequenceLength = 62 });
        Assert.Equal(
            [
                "<s><|user|>\nHi\n<|assistant|>\nHello!</s>|<s><|user|>\nx\n<|assistant|>\ny</s>",
                "<s><|user|>\n1+1\n<|assistant|>\n2</s>\n<|user|>\n2+2\n<|assistant|>\n4</s>",
            ],
            Texts(result.Train));
        Assert.Equal(["Hello!</s>", "y</s>", "2</s>", "4</s>"], TrainedTexts(result.Train));
        PackedRow first = result.Train.Row(0);
        Assert.Equal([0L, 2L], first.DocumentRecords.ToArray());
        Assert.Equal(["messages", "messages"], first.DocumentSources.ToArray().Select(source => result.Train.SourceNames[source]));
        Assert.Equal(4, result.Audit.Train.AssistantTurns);
        Assert.Equal(7 + 2 + 2 + 2, result.Train.TrainedTokens);
        Assert.Equal(9, result.Train.MostTrainedInARow);
        Assert.Equal(result.Train.Row(0).Ids.Length, result.Train.LongestRow);
    }

    [Fact]
    public void WithoutPackingEachDocumentHasItsRow()
    {
        string path = _folder.Write("mine.jsonl", Turns("a", "b") + Turns("c", "d") + Turns("e", "f"));
        using PreparationResult result = Prepare(path, new PreparationSettings { Sources = [], Packing = false });
        Assert.Equal(
            ["<s><|user|>\na\n<|assistant|>\nb</s>", "<s><|user|>\nc\n<|assistant|>\nd</s>", "<s><|user|>\ne\n<|assistant|>\nf</s>"],
            Texts(result.Train));
    }

    // A pair of one-letter turns has 9 + 1 + 15 + 1 + 1 tokens, and one more for its BOS or for the line feed before it: 28.
    [Theory]
    [InlineData(OverLength.Split, "a-b c-d|e-f", 1, 0, 0)]
    [InlineData(OverLength.Truncate, "a-b c-d", 0, 1, 0)]
    [InlineData(OverLength.Drop, "", 0, 0, 1)]
    public void ConversationsLongerThanARow(OverLength policy, string kept, int split, int truncated, int dropped)
    {
        string path = _folder.Write("mine.jsonl", Turns("a", "b", "c", "d", "e", "f") + Turns("k", "l"));
        using PreparationResult result = Prepare(
            path, new PreparationSettings { Sources = [], SequenceLength = 56, OverLength = policy, Packing = false });
        Assert.Equal($"{kept}|k-l".TrimStart('|'), string.Join("|", Contents(result.Train)));
        SourceAudit audit = Assert.Single(result.Audit.Sources);
        Assert.Equal((1, split, truncated, dropped), ((int)audit.OverLong, (int)audit.Split, (int)audit.Truncated, (int)audit.OverLongDropped));
        Assert.Equal(1, result.Audit.Train.EosCoverage);
        Assert.Contains("mine.jsonl, line 1 (record 1): longer than a row", Assert.Single(audit.Listed), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(OverLength.Split, "a-b|e-f")]
    [InlineData(OverLength.Truncate, "a-b")]
    public void APairLongerThanARowIsLeftOut(OverLength policy, string kept)
    {
        string path = _folder.Write("mine.jsonl", Turns("a", "b", "c", new string('d', 100), "e", "f"));
        using PreparationResult result = Prepare(
            path, new PreparationSettings { Sources = [], SequenceLength = 56, OverLength = policy, Packing = false });
        Assert.Equal(kept, string.Join("|", Contents(result.Train)));
        Assert.Equal(1, result.Audit.Sources[0].Truncated);
    }

    // 26 tokens of markers, BOS and EOS leave 30 of 56 to question and answer.
    [Theory]
    [InlineData(100, 10, "uuuuuuuuuuuuuuuuuuuu-aaaaaaaaaa")]
    [InlineData(100, 29, "u-aaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    [InlineData(1, 30, "k-l")]
    public void TruncatingCutsTheQuestionNeverTheAnswer(int question, int answer, string kept)
    {
        string path = _folder.Write("mine.jsonl", Turns(new string('u', question), new string('a', answer)) + (kept == "k-l" ? Turns("k", "l") : ""));
        using PreparationResult result = Prepare(
            path, new PreparationSettings { Sources = [], SequenceLength = 56, OverLength = OverLength.Truncate, Packing = false });
        Assert.Equal([kept], Contents(result.Train));
        Assert.Equal(1, result.Audit.Train.EosCoverage);
        Assert.Equal(kept == "k-l" ? (0L, 1L) : (1L, 0L), (result.Audit.Sources[0].Truncated, result.Audit.Sources[0].OverLongDropped));
    }

    [Fact]
    public void OpenInstructOf2023TrainsTheInnerLineFeedAndCutsAnswers()
    {
        string path = _folder.Write("mine.jsonl", Turns("a", "b", "c", "d") + Turns("e", new string('f', 100)));
        using PreparationResult result = Prepare(
            path, new PreparationSettings { Sources = [], SequenceLength = 56, Compatibility = Compatibility.OpenInstruct2023 });
        Assert.Equal(
            [
                "<s><|user|>\na\n<|assistant|>\nb</s>\n<|user|>\nc\n<|assistant|>\nd</s>",
                "<s><|user|>\ne\n<|assistant|>\n" + new string('f', 30),
            ],
            Texts(result.Train));
        Assert.Equal(["b</s>\n", "d</s>", new string('f', 30)], TrainedTexts(result.Train));
        Assert.Equal(1, result.Audit.Train.TrainedUserTokens);
        Assert.Equal(2, result.Audit.Train.AssistantTurnsWithTrainedEos);
    }

    [Fact]
    public void EveryPartKeepsTheSystemMessage()
    {
        string path = _folder.Write("mine.jsonl", MessagesLine(("system", "S"), ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")));
        using PreparationResult result = Prepare(path, new PreparationSettings { Sources = [], SequenceLength = 56, Packing = false });
        Assert.Equal(
            [
                "<s><|system|>\nS\n<|user|>\na\n<|assistant|>\nb</s>",
                "<s><|system|>\nS\n<|user|>\nc\n<|assistant|>\nd</s>",
            ],
            Texts(result.Train));
    }

    [Fact]
    public void SplittingKeepsEveryPairInOrderAndFillsRowsGreedily()
    {
        const int PairTokens = 10 + 1 + 15 + 1;    // markers, a user's one letter, EOS
        Gen<(int System, int[] Lengths)> cases =
            from system in Gen.Choose(0, 20)
            from lengths in Gen.Choose(1, 40).NonEmptyListOf()
            select (system, lengths.ToArray());
        Prop.ForAll(cases.ToArbitrary(), given =>
        {
            ConversationEncoder encoder = new(new TemplateEncoder(ChatTemplate.Find("tulu"), _tokenizer), 100, OverLength.Split);
            IEnumerable<Message> turns = given.Lengths.SelectMany(length => new Message[] { new(Role.User, "u"), new(Role.Assistant, new string('z', length)) });
            encoder.Encode([.. given.System > 0 ? [new Message(Role.System, new string('s', given.System))] : Array.Empty<Message>(), .. turns]);
            List<int> kept = [];
            int previousTokens = 100;
            for (int document = 0; document < encoder.Documents.Count; document++)
            {
                int tokens = encoder.Documents.Ids(document).Length;
                Assert.InRange(tokens, 1, 100);
                Assert.Equal(256, encoder.Documents.Ids(document)[0]);
                int[] answers = [.. encoder.Documents.Turns(document).ToArray()
                    .Where(turn => turn.Role == Role.Assistant).Select(turn => turn.End - turn.Start - 1)];
                Assert.True(previousTokens + PairTokens + answers[0] > 100, "the pair would have fitted the document before");
                previousTokens = tokens;
                kept.AddRange(answers);
            }

            Assert.Equal(given.Lengths, kept);
        }).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ATokenizerWhoseBosIsItsEosPassesTheAudit(bool addsBos)
    {
        string path = _folder.Write("mine.jsonl", Turns("a", "b", "c", "d") + Turns("e", "f"));
        using PreparationResult result = DataPreparation.Prepare(
            new PreparationSettings { Sources = [new("messages", path)] }, new ByteTokenizer(addsBos, bosId: ByteTokenizer.Eos), Output);
        Assert.Equal([new(addsBos ? 1 : 0, 2L)], result.Audit.Train.DocumentsByBosCount);
        Assert.Equal(3, result.Audit.Train.AssistantTurnsWithTrainedEos);
    }

    [Fact]
    public void EmptyRecordsAreDroppedDuplicatesCountedUnansweredMessagesCut()
    {
        string path = _folder.Write(
            "mine.jsonl", Turns("a", "b") + Turns("a", " ") + Turns("a", "b", "c") + Turns("a", "b", "c", "") + Turns(" a", "b\n"));
        using PreparationResult result = Prepare(path, new PreparationSettings { Sources = [], Packing = false });
        Assert.Equal(["a-b", "a-b", "a-b"], Contents(result.Train));
        SourceAudit audit = result.Audit.Sources[0];
        Assert.Equal((5, 2, 2, 1), ((int)audit.Records, (int)audit.Empty, (int)audit.Duplicate, (int)audit.Unanswered));
        Assert.Equal(5, audit.Listed.Count);
        Assert.True(File.Exists(Path.Combine(Output, "audit.json")));
    }

    [Fact]
    public void StrictRefusesDuplicatesAndOverLongRecords()
    {
        string duplicates = _folder.Write("duplicates.jsonl", Turns("a", "b") + Turns("a", "b"));
        string overLong = _folder.Write("long.jsonl", Turns("a", "b") + Turns("a", new string('b', 200)));
        PreparationSettings strict = new() { Sources = [], SequenceLength = 100, Strict = true };
        Fails(ExitCode.BadInput, () => Prepare(duplicates, strict), "the audit refuses", "1 records are duplicates", "line 2 (record 2)");
        Fails(ExitCode.BadInput, () => Prepare(overLong, strict), "the audit refuses", "1 records are longer than a row", "line 2 (record 2)");
        Assert.Equal(["duplicates.jsonl", "long.jsonl"], Entries());
    }

    [Theory]
    [InlineData("\n", 0, null, "messages_2: none of its 0 records gives a conversation")]
    [InlineData("a", 0, null, "messages_2: none of its 1 records gives a conversation (1 empty")]
    [InlineData("a", 200, null, "messages_2: none of its 1 records gives a conversation (0 empty, 1 longer than a row")]
    [InlineData("a", 1, 0.1, "messages_2: none of its 1 records gives a conversation (0 empty, 0 longer than a row, 1 not drawn)")]
    public void ASourceWithoutAConversationIsRefusedBesideAGoodOne(string question, int answer, double? fraction, string message)
    {
        string good = _folder.Write("good.jsonl", Turns("a", "b"));
        string barren = _folder.Write("barren.jsonl", question == "\n" ? question : Turns(question, new string('c', answer)));
        PreparationSettings settings = new()
        {
            Sources = [new("messages", good), new DataSource("messages", barren) { Fraction = fraction }],
            SequenceLength = 100,
        };
        Fails(ExitCode.BadInput, () => DataPreparation.Prepare(settings, _tokenizer, Output), "the audit refuses", message);
    }

    [Fact]
    public void NothingToTrainOnIsRefused()
    {
        string blank = _folder.Write("blank.jsonl", "\n");
        string empty = _folder.Write("empty.jsonl", Turns("a", ""));
        string overLong = _folder.Write("long.jsonl", Turns("a", new string('b', 200)));
        PreparationSettings settings = new() { Sources = [], SequenceLength = 100 };
        Fails(ExitCode.BadInput, () => Prepare(blank, settings), "nothing to train on", "0 records read");
        Fails(ExitCode.BadInput, () => Prepare(empty, settings), "nothing to train on", "1 empty");
        Fails(ExitCode.BadInput, () => Prepare(overLong, settings), "nothing to train on", "1 longer than a row");
        Assert.Equal(["blank.jsonl", "empty.jsonl", "long.jsonl"], Entries());
    }

    [Fact]
    public void BrokenDataLeavesNothingBehindAndOldDataWhole()
    {
        string path = _folder.Write("mine.jsonl", Turns("a", "b"));
        Prepare(path, new PreparationSettings { Sources = [] }).Dispose();
        string broken = _folder.Write("broken.jsonl", Turns("a", "b") + MessagesLine(("user", "a"), ("user", "b"), ("assistant", "c")));
        Fails(ExitCode.BadInput, () => Prepare(broken, new PreparationSettings { Sources = [] }), "broken.jsonl, line 2 (record 2)", "message 2");
        Assert.Equal(["broken.jsonl", "mine.jsonl", "prepared"], Entries());
        using PreparedData old = PreparedData.Open(Output);
        Assert.Equal(1, old.Rows);
    }

    [Fact]
    public void ExamplesReadsOnlyTheFirstRecords()
    {
        string path = _folder.Write("mine.jsonl", Turns("a", "b") + Turns("c", "d") + "broken");
        using PreparationResult result = DataPreparation.Prepare(
            new PreparationSettings { Sources = [new DataSource("messages", path, Examples: 2)], Packing = false }, _tokenizer, Output);
        Assert.Equal(["a-b", "c-d"], Contents(result.Train));
        Assert.Equal(2, result.Audit.Sources[0].Records);
    }

    [Fact]
    public void SourcesOfOneDatasetHaveNamesOfTheirOwn()
    {
        string one = _folder.Write("one.jsonl", Turns("a", "b"));
        string two = _folder.Write("two.jsonl", Turns("c", "d"));
        using PreparationResult result = DataPreparation.Prepare(
            new PreparationSettings { Sources = [new("messages", one), new("messages", two)] }, _tokenizer, Output);
        Assert.Equal(["messages", "messages_2"], result.Train.SourceNames);
        Assert.Equal([0, 1], result.Train.Row(0).DocumentSources.ToArray());
        Assert.Equal(2, result.Audit.Train.Sources["messages_2"].TrainedTokens);
    }

    [Fact]
    public void ThreadsDoNotMatter()
    {
        string path = _folder.Write("alpaca.json", Alpaca(1500));
        PreparationSettings settings = new() { Sources = [new("alpaca", path)], SequenceLength = 256, ValidationFraction = 0.1 };
        using PreparationResult parallel = DataPreparation.Prepare(settings, _tokenizer, Output);
        string one = _folder["one"];
        Thread single = new(() => DataPreparation.Prepare(settings, new OneThreadTokenizer(), one).Dispose());
        single.Start();
        single.Join();
        foreach (string file in Directory.EnumerateFiles(Output).Select(file => Path.GetFileName(file)!))
        {
            Assert.Equal(File.ReadAllBytes(Path.Combine(Output, file)), File.ReadAllBytes(Path.Combine(one, file)));
        }
    }

    [Fact]
    public void CancellingLeavesNothing()
    {
        string path = _folder.Write("alpaca.json", Alpaca(1500));
        using CancellationTokenSource cancellation = new();
        Assert.Throws<OperationCanceledException>(() => DataPreparation.Prepare(
            new PreparationSettings { Sources = [new("alpaca", path)] },
            _tokenizer,
            Output,
            new Told(progress => { if (progress.Conversations > 0) { cancellation.Cancel(); } }),
            cancellation.Token));
        Assert.Equal(["alpaca.json"], Entries());
    }

    [Fact]
    public void ImpossibleSettingsAreRefused()
    {
        string path = _folder.Write("mine.jsonl", Turns("a", "b"));
        PreparationSettings good = new() { Sources = [new("messages", path)] };
        Refused(good with { Sources = [] }, "data.sources is empty");
        Refused(good with { SequenceLength = 1 }, "data.sequence_length is 1");
        Refused(good with { ValidationFraction = 1 }, "data.validation.fraction is 1");
        Refused(good with { ValidationFraction = double.NaN }, "data.validation.fraction is NaN");
        Refused(good with { ValidationFraction = 0.1, ValidationSources = good.Sources }, "both fraction and sources");
        Refused(good with { Sources = [new("messages", path, Examples: 0)] }, "examples must be at least 1");
        Refused(good with { Template = "chatmal" }, "chatmal");

        void Refused(PreparationSettings settings, string message) =>
            Fails(ExitCode.Usage, () => DataPreparation.Prepare(settings, _tokenizer, Output), message);
    }

    [TmpfsFact]
    public void AFullDiskIsSaidAndKeepsTheOldData()
    {
        using Tmpfs disk = new(megabytes: 1);
        string output = Path.Combine(disk.Path, "prepared");
        PreparationSettings small = new() { Sources = [new("messages", _folder.Write("mine.jsonl", Turns("a", "b")))] };
        PreparationSettings large = new() { Sources = [new("alpaca", _folder.Write("alpaca.json", Alpaca(2000)))] };
        DataPreparation.Prepare(small, _tokenizer, output).Dispose();
        Fails(ExitCode.RunFailed, () => DataPreparation.Prepare(large, _tokenizer, output), "cannot be written");
        Assert.Equal(["prepared"], EntriesOf(disk.Path));
        using PreparedData old = PreparedData.Open(output);
        Assert.Equal(1, old.Rows);
    }

    [Fact]
    public void LeftoversOfAKilledPreparationAreRemoved()
    {
        Directory.CreateDirectory(_folder[".prepared.partial"]);
        File.WriteAllText(_folder[".prepared.partial/train.ids"], "half");
        Prepare(_folder.Write("mine.jsonl", Turns("a", "b")), new PreparationSettings { Sources = [] }).Dispose();
        Assert.Equal(["mine.jsonl", "prepared"], Entries());
    }

    [Fact]
    public void AnUnwritablePlaceIsSaid()
    {
        string path = _folder.Write("mine.jsonl", Turns("a", "b"));
        Fails(
            ExitCode.RunFailed,
            () => DataPreparation.Prepare(new PreparationSettings { Sources = [new("messages", path)] }, _tokenizer, Path.Combine(path, "prepared")),
            "cannot be written");
    }

    [Fact]
    public void WhoAsksForTheSameDataMeanwhileWaitsForIt()
    {
        string path = _folder.Write("alpaca.json", Alpaca(600));
        PreparationSettings settings = new() { Sources = [new("alpaca", path)] };
        bool[] isCached = new bool[4];
        Parallel.For(0, isCached.Length, i =>
        {
            using PreparationResult result = DataPreparation.Prepare(settings, _tokenizer, Output);
            isCached[i] = result.FromCache;
        });
        Assert.Single(isCached, value => !value);
        Assert.Equal(["alpaca.json", "prepared"], Entries());
    }

    [Fact]
    public void FoldersOfSomethingElseAreNotTouched()
    {
        string path = _folder.Write("mine.jsonl", Turns("a", "b"));
        Directory.CreateDirectory(Output);
        File.WriteAllText(Path.Combine(Output, "thesis.txt"), "years of work");
        Fails(ExitCode.Usage, () => Prepare(path, new PreparationSettings { Sources = [] }), "prepared", "not a folder of prepared data");
        Assert.True(File.Exists(Path.Combine(Output, "thesis.txt")));
    }

    internal static string Alpaca(int records) => "[" + string.Join(",\n", Enumerable.Range(0, records).Select(i =>
        $$"""{"instruction": "Say number {{i}} in words, {{new string((char)('a' + (i % 26)), i % 70)}}", "input": "{{(i % 3 == 0 ? i : "")}}", "output": "It is {{i * 7919 % 1009}}."}""")) + "]";

    private PreparationResult Prepare(string path, PreparationSettings settings) =>
        DataPreparation.Prepare(settings with { Sources = [new DataSource("messages", path)] }, _tokenizer, Output);

    // The lock stays.
    private static string[] EntriesOf(string folder) =>
        [.. Directory.EnumerateFileSystemEntries(folder).Select(entry => Path.GetFileName(entry)).Where(name => name != ".prepared.lock").Order(StringComparer.Ordinal)];

    private string[] Entries() => EntriesOf(_folder.Path);

    private static List<string> Texts(PreparedData data)
    {
        List<string> rows = [];
        for (int row = 0; row < data.Rows; row++)
        {
            PackedRow packed = data.Row(row);
            List<string> documents = [];
            for (int document = 0; document < packed.DocumentSources.Length; document++)
            {
                documents.Add(_tokenizer.Decode(packed.Ids[packed.DocumentBounds[document]..packed.DocumentBounds[document + 1]], skipSpecial: false));
            }

            rows.Add(string.Join("|", documents));
        }

        return rows;
    }

    // Per row, "user-assistant" per pair.
    internal static List<string> Contents(PreparedData data)
    {
        List<string> rows = [];
        for (int row = 0; row < data.Rows; row++)
        {
            PackedRow packed = data.Row(row);
            StringBuilder text = new();
            foreach (Turn turn in packed.Turns)
            {
                text.Append(_tokenizer.Decode(packed.Ids[turn.Start..turn.End], skipSpecial: true)).Append(turn.Role == Role.User ? '-' : ' ');
            }

            rows.Add(text.ToString().TrimEnd());
        }

        return rows;
    }

    private static List<string> TrainedTexts(PreparedData data)
    {
        List<string> texts = [];
        for (int row = 0; row < data.Rows; row++)
        {
            PackedRow packed = data.Row(row);
            for (int start = 0; start < packed.Ids.Length;)
            {
                int run = packed.Trained[start..].IndexOfAnyExcept(packed.Trained[start]);
                int end = run < 0 ? packed.Ids.Length : start + run;
                if (packed.Trained[start] == 1)
                {
                    texts.Add(_tokenizer.Decode(packed.Ids[start..end], skipSpecial: false));
                }

                start = end;
            }
        }

        return texts;
    }

    private sealed class Told(Action<PreparationProgress> act) : IProgress<PreparationProgress>
    {
        public void Report(PreparationProgress value) => act(value);
    }

    // Encodes one text at a time and in an order of its own: whoever comes first waits longest.
    private sealed class OneThreadTokenizer : ITokenizer
    {
        private readonly Lock _lock = new();

        public int VocabularySize => _tokenizer.VocabularySize;

        public int? BosId => _tokenizer.BosId;

        public int? EosId => _tokenizer.EosId;

        public bool AddsBos => _tokenizer.AddsBos;

        public string Sha256 => _tokenizer.Sha256;

        public void Encode(ReadOnlySpan<char> text, List<int> ids, bool isStart, bool parseSpecial)
        {
            Thread.SpinWait(text.Length % 7 * 50);
            lock (_lock)
            {
                _tokenizer.Encode(text, ids, isStart, parseSpecial);
            }
        }

        public string Decode(ReadOnlySpan<int> ids, bool skipSpecial) => _tokenizer.Decode(ids, skipSpecial);

        public void AppendBytes(int id, System.Buffers.IBufferWriter<byte> utf8) => _tokenizer.AppendBytes(id, utf8);

        public string PieceText(int id) => _tokenizer.PieceText(id);
    }
}
