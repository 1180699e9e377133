using Camels.Engine.Data;
using Camels.Engine.Tests.Checkpoints;
using Xunit;
using static Camels.Engine.Tests.Data.DataTestHelp;

namespace Camels.Engine.Tests.Data;

public sealed class PreparationCacheTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string _path;
    private readonly PreparationSettings _settings;

    public PreparationCacheTests()
    {
        _path = _folder.Write("mine.jsonl", Turns("a", "b") + Turns("c", "d") + Turns("e", "f"));
        _settings = new PreparationSettings { Sources = [new("messages", _path)], SequenceLength = 64 };
    }

    private string Output => _folder["prepared"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void TheSameAgainIsTakenFromTheCache()
    {
        (string key, bool isFirstCached) = Prepare(_settings);
        Assert.False(isFirstCached);
        DateTime written = File.GetLastWriteTimeUtc(Path.Combine(Output, "train.ids"));
        Assert.Equal((key, true), Prepare(_settings));
        Assert.Equal(written, File.GetLastWriteTimeUtc(Path.Combine(Output, "train.ids")));

        File.Move(_path, _folder["moved.jsonl"]);
        Assert.Equal((key, true), Prepare(_settings with { Sources = [new("messages", _folder["moved.jsonl"])] }));
    }

    // A task's draws are seeded by its name, and a name tells FLAN's tables from its rendered files.
    [Theory]
    [InlineData("super_ni", "task001.json", "task002.json", """{"Definition": "d", "Positive Examples": [], "Instances": [{"input": "a", "output": "b"}]}""")]
    [InlineData("cot", "zero_train.tsv", "few_train.tsv", "question\tanswer\tthought\n")]
    public void TheNameOfAFileIsPartOfTheKeyWhereItIsRead(string dataset, string name, string otherName, string text)
    {
        PreparationSettings Of(string path) => _settings with { Sources = [new(dataset, _folder.Write(path, text))], SequenceLength = 512 };
        (string key, _) = Prepare(Of(name));
        _ = Directory.CreateDirectory(_folder["elsewhere"]);
        Assert.Equal((key, true), Prepare(Of($"elsewhere/{name}")));
        Assert.NotEqual(key, Prepare(Of(otherName)).Key);
    }

    [Fact]
    public async Task WhoWaitsForAnotherPreparationIsToldAndThenFindsIt()
    {
        using SemaphoreSlim waiting = new(0);
        List<string> stages = [];
        Reporter reporter = new(stage =>
        {
            stages.Add(stage);
            if (stage.StartsWith("waiting", StringComparison.Ordinal))
            {
                _ = waiting.Release();
            }
        });
        Task<PreparationResult> second;
        using (new FileStream(_folder[".prepared.lock"], FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None))
        {
            second = Task.Run(() => DataPreparation.Prepare(_settings, new ByteTokenizer(), Output, reporter));
            Assert.True(await waiting.WaitAsync(TimeSpan.FromMinutes(1)));
            await Task.Delay(TimeSpan.FromMilliseconds(300));
        }

        (await second).Dispose();
        Assert.True(File.Exists(_folder[".prepared.lock"]), "whoever opened the lock before it was removed would hold another one than the next");
        Assert.Equal("waiting for another process that prepares the same data", stages[0]);
        Assert.Single(stages, stages[0]);
    }

    [Fact]
    public void WhatAnotherVersionPreparedIsPreparedAnew()
    {
        _ = Prepare(_settings);
        File.WriteAllText(Path.Combine(Output, "manifest.json"), """{"version": 2, "layout": "another"}""");
        Assert.False(Prepare(_settings).IsCached);
        Assert.True(Prepare(_settings).IsCached);
    }

    // They list every source file.
    [Theory]
    [InlineData("manifest.json")]
    [InlineData("audit.json")]
    public void LongManifestsAndAuditsAreTakenFromTheCache(string file)
    {
        _ = Prepare(_settings);
        File.AppendAllText(Path.Combine(Output, file), new string(' ', 2 << 20));
        Assert.True(Prepare(_settings).IsCached);
    }

    [Fact]
    public void AFileWhereTheFolderShouldBeIsLeftAlone()
    {
        File.WriteAllText(Output, "mine");
        Fails(ExitCode.Usage, () => Prepare(_settings), "not a folder of prepared data");
        Assert.Equal("mine", File.ReadAllText(Output));
    }

    [Fact]
    public void AFolderWithAFolderOfAKnownNameIsLeftAlone()
    {
        _ = Prepare(_settings);
        string mine = Directory.CreateDirectory(Path.Combine(Output, "validation.ids")).FullName;
        Fails(ExitCode.Usage, () => Prepare(_settings with { Seed = 3 }), "not a folder of prepared data");
        Assert.True(Directory.Exists(mine));
    }

    // A manifest.json with a version is a file of many programs.
    [Theory]
    [InlineData("manifest.json")]
    [InlineData("train.jsonl")]
    [InlineData("notes/thesis.txt")]
    public void AFolderWithAnythingElseIsLeftAlone(string file)
    {
        _ = Directory.CreateDirectory(Output);
        string keys = file == "manifest.json" ? "" : """, "key": "", "tokenizer_sha256": "" """;
        _folder.Write("prepared/manifest.json", $$"""{"version": 2{{keys}}}""");
        string mine = Path.Combine(Output, file);
        if (file != "manifest.json")
        {
            _ = Directory.CreateDirectory(Path.GetDirectoryName(mine)!);
            File.WriteAllText(mine, "mine");
        }

        Fails(ExitCode.Usage, () => Prepare(_settings), "not a folder of prepared data");
        Assert.True(File.Exists(mine));
        Assert.Equal([".prepared.lock"], Directory.EnumerateFileSystemEntries(_folder.Path, ".*").Select(entry => Path.GetFileName(entry)));
    }

    [Fact]
    public void TheCachedAuditIsThatOfThePreparation()
    {
        using PreparationResult fresh = DataPreparation.Prepare(_settings, new ByteTokenizer(), Output);
        using PreparationResult cached = DataPreparation.Prepare(_settings, new ByteTokenizer(), Output);
        Assert.True(cached.FromCache);
        Assert.Equivalent(fresh.Audit, cached.Audit, strict: true);
    }

    [Fact]
    public void EveryChangePreparesAnew()
    {
        List<string> keys = [Prepare(_settings).Key];
        void Changed(PreparationSettings settings, ByteTokenizer? tokenizer = null)
        {
            (string key, bool isCached) = Prepare(settings, tokenizer);
            Assert.False(isCached);
            Assert.DoesNotContain(key, keys);
            keys.Add(key);
        }

        Changed(_settings, new ByteTokenizer(name: "other"));
        Changed(_settings, new ByteTokenizer(addsBos: false));
        Changed(_settings with { SequenceLength = 65 });
        Changed(_settings with { Packing = false });
        Changed(_settings with { OverLength = OverLength.Drop });
        Changed(_settings with { ValidationFraction = 0.3 });
        Changed(_settings with { Seed = 1 });
        Changed(_settings with { Strict = true });
        Changed(_settings with { Template = "zephyr" });
        string template = _folder.Write("mine.json", """{"system": "{content}", "user": "{content}", "assistant": "{content}{eos}"}""");
        Changed(_settings with { Template = template });
        File.WriteAllText(template, """{"system": "{content}", "user": "{content}", "assistant": " {content}{eos}"}""");
        Changed(_settings with { Template = template });
        Changed(_settings with { Deduplicate = Deduplicate.Near });
        Changed(_settings with { Compatibility = Compatibility.OpenInstruct2023 });
        Changed(_settings with { Sources = [new("messages", _path) { Fraction = 0.5 }] });
        Changed(_settings with { Sources = [new("messages", _path) { Weight = 0.5 }] });
        _ = Directory.CreateDirectory(_folder["eval/one"]);
        _folder.Write("eval/one/test.jsonl", """{"question": "something else than is trained"}""");
        Changed(_settings with { EvaluationFolder = _folder["eval"] });
        File.AppendAllText(_folder["eval/one/test.jsonl"], "\n");
        Changed(_settings with { EvaluationFolder = _folder["eval"] });
        Changed(_settings with { Sources = [new("messages", _path, Examples: 2)] });
        Changed(_settings with { Sources = [new("messages", _path), new("messages", _path)] });
        Changed(_settings with { ValidationSources = [new("messages", _folder.Write("other.jsonl", Turns("x", "y")))] });
        byte[] bytes = File.ReadAllBytes(_path);
        bytes[Array.IndexOf(bytes, (byte)'f', bytes.Length - 8)] = (byte)'g';
        File.WriteAllBytes(_path, bytes);
        Changed(_settings);
    }

    [Theory]
    [InlineData("train.ids")]
    [InlineData("train.trained")]
    [InlineData("train.rows")]
    [InlineData("train.bounds")]
    [InlineData("train.sources")]
    [InlineData("train.records")]
    [InlineData("train.turns")]
    public void DamagedFilesAreFoundAtOpening(string file)
    {
        Prepare(_settings);
        string path = Path.Combine(Output, file);
        byte[] bytes = File.ReadAllBytes(path);

        File.WriteAllBytes(path, bytes[..^1]);
        Fails(ExitCode.BadInput, () => PreparedData.Open(Output), file, "damaged");
        File.WriteAllBytes(path, [.. bytes, 0]);
        Fails(ExitCode.BadInput, () => PreparedData.Open(Output), file, "damaged");
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(path, bytes);
        Fails(ExitCode.BadInput, () => PreparedData.Open(Output), file, "checksum");
        Fails(ExitCode.BadInput, () => Prepare(_settings), file, "checksum");
        File.Delete(path);
        Fails(ExitCode.BadInput, () => PreparedData.Open(Output), file, "is missing");
    }

    [Theory]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[1, 2]")]
    public void BrokenManifestsAreFound(string text)
    {
        Prepare(_settings);
        File.WriteAllText(Path.Combine(Output, "manifest.json"), text);
        Fails(ExitCode.BadInput, () => PreparedData.Open(Output), "manifest.json", "Prepare the data again");
    }

    [Fact]
    public void AbsentDataAndSplitsAreNamed()
    {
        Fails(ExitCode.BadInput, () => PreparedData.Open(_folder["absent"]), "absent");
        Prepare(_settings);
        Fails(ExitCode.BadInput, () => PreparedData.Open(Output, PreparedData.ValidationSplit), "no validation split");
    }

    [Fact]
    public void FilesThatContradictEachOtherAreFound()
    {
        Prepared.Document good = Prepared.Good();
        Contradicts([[good with { Ids = [256, 'u', 300, 257] }]]);
        Contradicts([[good with { Trained = [0, 0, 2, 1] }]]);
        Contradicts([[good with { Source = 2 }]]);
        Contradicts([[good with { Turns = [new(1, 5, Role.User)] }]]);
        Contradicts([[good with { Turns = [new(-1, 2, Role.User)] }]]);
        Contradicts([[good with { Turns = [new(2, 1, Role.User)] }]]);
        Contradicts([[good with { Turns = [new(1, 2, (Role)3)] }]]);
        Contradicts([[good with { Turns = [] }]]);
        Contradicts([[]]);
        Contradicts([[good, good, good, good, good]]);
        Contradicts([[good with { Ids = [], Trained = [], Turns = [new(0, 0, Role.User)] }, good]]);
        Contradicts([[good with { Trained = [0, 0, 1] }]]);

        void Contradicts(Prepared.Document[][] rows) =>
            Fails(ExitCode.BadInput, () => Prepared.Write(_folder[Guid.NewGuid().ToString()], rows), "contradict each other");
    }

    [Fact]
    public void FuzzedRowTablesAreErrorsNotCrashes()
    {
        using (PreparedData data = Prepared.Write(Output, [[Prepared.Good(), Prepared.Good()], [Prepared.Good()]]))
        {
            Assert.Equal(2, data.Rows);
        }

        byte[] original = File.ReadAllBytes(Path.Combine(Output, "train.rows"));
        Random random = new(1);
        for (int i = 0; i < 300; i++)
        {
            byte[] bytes = [.. original];
            bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            Reseal("train.rows", bytes);
            try
            {
                using PreparedData data = PreparedData.Open(Output);
                Assert.Equal(original, bytes);
            }
            catch (CamelsException failure)
            {
                Assert.Equal(ExitCode.BadInput, failure.Code);
            }
        }
    }

    // Replaces a file and its entry in the manifest, as somebody would who forges data.
    private void Reseal(string file, byte[] bytes)
    {
        PreparedManifest manifest = PreparedManifest.Read(Output);
        File.WriteAllBytes(Path.Combine(Output, file), bytes);
        manifest.Files[file] = new FileSeal(bytes.Length, DataFiles.Sha256(Path.Combine(Output, file)));
        File.Delete(Path.Combine(Output, "manifest.json"));
        manifest.Write(Output);
    }

    private (string Key, bool IsCached) Prepare(PreparationSettings settings, ByteTokenizer? tokenizer = null)
    {
        using PreparationResult result = DataPreparation.Prepare(settings, tokenizer ?? new ByteTokenizer(), Output);
        return (result.Train.Key, result.FromCache);
    }

    private sealed class Reporter(Action<string> report) : IProgress<PreparationProgress>
    {
        public void Report(PreparationProgress value) => report(value.Stage);
    }
}
