using System.IO.Compression;
using System.Text;
using Camels.Engine.Data;
using Camels.Engine.Tests.Checkpoints;
using FsCheck;
using FsCheck.Fluent;
using Xunit;
using static Camels.Engine.Tests.Data.DataTestHelp;

namespace Camels.Engine.Tests.Data;

/// <summary>Readers take files in their own order, and answer to any bytes with records or an error that is explained.</summary>
public sealed class ReaderRobustnessTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void FoldersAreReadInOrdinalOrderOfTheirPaths()
    {
        string[] names = ["b/2.jsonl", "a.jsonl.gz", "b/10.jsonl", "b.json", "z.zip", "Z.jsonl"];
        string[] expected = ["Z.jsonl", "a.jsonl.gz", "b.json", "b/10.jsonl", "b/2.jsonl", "z.zip/x.jsonl"];
        foreach (string[] order in new[] { names, [.. names.Reverse()] })
        {
            using TemporaryFolder folder = new();
            foreach (string name in order.Append("notes.md").Append(".hidden/c.jsonl").Append(".d.jsonl"))
            {
                WriteOne(folder, name);
            }

            Directory.CreateSymbolicLink(folder["loop"], folder.Path);
            File.CreateSymbolicLink(folder["linked.jsonl"], folder["Z.jsonl"]);
            Conversation[] read = Read("prompt_completion", folder.Path);
            Assert.Equal(
                expected.SkipLast(1).Append("linked.jsonl").Append(expected[^1]),
                read.Select(conversation => Path.GetRelativePath(folder.Path, conversation.Place.File)));
        }
    }

    [Fact]
    public void FoldersAreReadHoweverDeepTheyAre()
    {
        WriteOne(_folder, "a/b/c/d/e/f/g/h/i/j/k/deep.jsonl");
        WriteOne(_folder, "a/flat.jsonl");
        Assert.Equal(2, Read("prompt_completion", _folder["a"]).Length);
    }

    // Its bytes are gone when they have been hashed; opening it again would wait for another writer.
    [ToolFact("mkfifo", "--version")]
    public void APipeIsRefusedBeforeItIsRead()
    {
        string pipe = _folder["pipe.jsonl"];
        Assert.True(Tool.Succeeds("mkfifo", pipe));
        using FileStream writer = new(pipe, FileMode.Open, FileAccess.ReadWrite);
        Fails(ExitCode.BadInput, () => DataFiles.OpenRead(pipe).Dispose(), "pipe.jsonl", "is a pipe");
    }

    [Fact]
    public void PreparedDataDoesNotDependOnTheOrderOfAFoldersFiles()
    {
        Dictionary<string, byte[]>? first = null;
        string[] names = ["b.jsonl", "a.jsonl", "c/d.jsonl"];
        foreach (string[] order in new[] { names, [.. names.Reverse()] })
        {
            using TemporaryFolder folder = new();
            foreach (string name in order)
            {
                WriteOne(folder, $"data/{name}");
            }

            string tasks = GoldenConversationTests.Fixture("super_ni");
            PreparationSettings settings = new() { Sources = [new("super_ni", tasks), new("prompt_completion", folder["data"])], SequenceLength = 1024 };
            using (PreparationResult result = DataPreparation.Prepare(settings, new ByteTokenizer(), folder["prepared"]))
            {
                Assert.Equal(144 + 3, result.Audit.Sources.Sum(source => source.Records - source.Unusable.Values.Sum()));
            }

            Dictionary<string, byte[]> files = Directory.GetFiles(folder["prepared"]).Where(file => !file.EndsWith(".json", StringComparison.Ordinal))
                .ToDictionary(file => Path.GetFileName(file), File.ReadAllBytes);
            first ??= files;
            Assert.Equal(first.Keys.Order(), files.Keys.Order());
            Assert.All(files, file => Assert.Equal(first[file.Key], file.Value));
        }
    }

    [Fact]
    public void ARenamedTaskIsOtherData()
    {
        using TemporaryFolder folder = new();
        foreach (string source in Directory.GetFiles(GoldenConversationTests.Fixture("super_ni"), "*", SearchOption.AllDirectories))
        {
            string copy = folder[Path.Combine("ni", Path.GetRelativePath(GoldenConversationTests.Fixture("super_ni"), source))];
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(source, copy);
        }

        PreparationSettings settings = new() { Sources = [new("super_ni", folder["ni"])], SequenceLength = 1024 };
        using (PreparationResult before = DataPreparation.Prepare(settings, new ByteTokenizer(), folder["prepared"]))
        {
            string tasks = folder["ni/tasks"];
            File.Move($"{tasks}/task9003_spelling_backwards.json", $"{tasks}/x.json");
            File.Move($"{tasks}/task9004_not_listed.json", $"{tasks}/task9003_spelling_backwards.json");
        }

        using PreparationResult after = DataPreparation.Prepare(settings, new ByteTokenizer(), folder["prepared"]);
        Assert.False(after.FromCache);
        Assert.Equal(80 + 1 + 2, after.Audit.Sources[0].Records);
    }

    [Theory]
    [InlineData("super_ni/tasks/task9003_spelling_backwards.json", "super_ni", false)]
    [InlineData("cot/zoo_train.tsv", "cot", false)]
    [InlineData("oasst1/2023-04-12_oasst_ready.trees.jsonl", "oasst1", false)]
    [InlineData("sharegpt/sg_90k_part1_html_cleaned.json", "sharegpt", false)]
    [InlineData("baize/quora_chat_data.json", "baize", false)]
    [InlineData("unnatural_instructions/core_data.jsonl", "unnatural_instructions", true)]
    [InlineData("cot/zoo_train.tsv", "cot", true)]
    public void AnyBytesGiveRecordsOrAnExplainedError(string fixture, string dataset, bool isPacked)
    {
        byte[] plain = File.ReadAllBytes(GoldenConversationTests.Fixture(fixture));
        byte[][] seeds = isPacked ? [Zip(plain, Path.GetFileName(fixture)), Gzip(plain)] : [plain];
        string name = Path.GetFileName(fixture);
        Gen<byte[]> mutated =
            from seed in Gen.Elements(seeds)
            from places in Gen.Choose(0, seed.Length - 1).ListOf(3)
            from values in Gen.Elements<byte>([.. "{}[]\",:\\\t\n\0u0"u8, 0x80, 0xC3, 0xED, 0xFF]).ListOf(3)
            from end in Gen.Frequency((3, Gen.Constant(seed.Length)), (1, Gen.Choose(0, seed.Length)))
            select Mutate(seed, places, values, end);
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(150).WithReplay(1, 1), Prop.ForAll(mutated.ToArbitrary(), bytes =>
        {
            string path = _folder.WriteFile(name, bytes);
            try
            {
                return Read(dataset, path).All(conversation => conversation.Messages.Length > 0);
            }
            catch (CamelsException failure)
            {
                return failure.Code == ExitCode.BadInput && failure.Message.Contains(name, StringComparison.Ordinal) && failure.Message.Split('\n').Length <= 2;
            }
        }));
    }

    private static byte[] Mutate(byte[] seed, IEnumerable<int> places, IEnumerable<byte> values, int end)
    {
        byte[] bytes = [.. seed];
        foreach ((int place, byte value) in places.Zip(values))
        {
            bytes[place] = value;
        }

        return bytes[..end];
    }

    private static void WriteOne(TemporaryFolder folder, string name)
    {
        byte[] record = Encoding.UTF8.GetBytes($$"""{"prompt": "{{name}}", "completion": "c"}""");
        Directory.CreateDirectory(Path.GetDirectoryName(folder[name])!);
        File.WriteAllBytes(folder[name], name.EndsWith(".gz", StringComparison.Ordinal) ? Gzip(record)
            : name.EndsWith(".zip", StringComparison.Ordinal) ? Zip(record, "x.jsonl")
            : name.EndsWith(".json", StringComparison.Ordinal) ? [(byte)'[', .. record, (byte)']'] : record);
    }

    private static byte[] Gzip(byte[] bytes)
    {
        using MemoryStream packed = new();
        using (GZipStream stream = new(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            stream.Write(bytes);
        }

        return packed.ToArray();
    }

    private static byte[] Zip(byte[] bytes, string name)
    {
        using MemoryStream packed = new();
        using (ZipArchive archive = new(packed, ZipArchiveMode.Create, leaveOpen: true))
        {
            using Stream stream = archive.CreateEntry(name, CompressionLevel.Fastest).Open();
            stream.Write(bytes);
        }

        return packed.ToArray();
    }
}
