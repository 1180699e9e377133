using System.IO.Compression;
using System.Text;
using Camels.Engine.Data;
using Camels.Engine.Tests.Checkpoints;
using Xunit;
using static Camels.Engine.Tests.Data.DataTestHelp;

namespace Camels.Engine.Tests.Data;

/// <summary>Archives are read as if they were unpacked; broken and hostile ones are refused with exit code 3 before anything is written.</summary>
public sealed class ArchiveTests : IDisposable
{
    private const string Record = """{"prompt": "p", "completion": "c"}""";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("data.jsonl.gz")]
    [InlineData("no-extension")]
    public void GzipIsReadByWhatItIs(string name)
    {
        Conversation[] read = Read("prompt_completion", _folder.WriteFile(name, Gzip($"{Record}\n{Record}\n")));
        Assert.Equal([1L, 2L], read.Select(conversation => conversation.Place.Line));
        Assert.All(read, conversation => Assert.EndsWith(name, conversation.Place.File, StringComparison.Ordinal));
    }

    [Fact]
    public void GzipOfSeveralMembersIsOneFile() =>
        Assert.Equal(3, Read("prompt_completion", _folder.WriteFile("d.gz", [.. Gzip(Record + "\n"), .. Gzip($"{Record}\n{Record}")])).Length);

    // A packed stream hands out what it has, at its end byte by byte.
    [Fact]
    public void GzipFillsWhatIsAskedFor()
    {
        byte[] bytes = new byte[100_000];
        new Random(1).NextBytes(bytes);
        DatasetInput input = new() { Dataset = "any", Files = [_folder.WriteFile("d.gz", Gzip(bytes))], Seed = 1 };
        byte[] buffer = new byte[60_000];
        int[] read = [.. DataFiles.OpenAll(input).SelectMany(file => new[] { file.Read(buffer), file.Read(buffer), file.Read(buffer) })];
        Assert.Equal([60_000, 40_000, 0], read);
    }

    // The lengths put the end of the first member before, at and behind the end of a block of 8192 bytes, which is what is read at once.
    [Fact]
    public void GzipThatIsMoreThanMembersIsDamaged()
    {
        byte[] second = Gzip(Record);
        byte[] flipped = [0x9F, .. second.AsSpan(1)];
        byte[] unmarked = [0x1F, 0x8A, .. second.AsSpan(2)];
        byte[] large = [.. "x"u8, .. new byte[3], .. Enumerable.Repeat((byte)'x', 20_000)];
        byte[][] damaged = [flipped, unmarked, "\n"u8.ToArray(), [.. "garbage"u8, .. new byte[10_000]], [0, 0, .. second], [0x1F], large];
        for (int length = 8192 - 28; length < 8192 - 20; length++)
        {
            byte[] first = Gzip(Record + new string(' ', length - Record.Length) + "\n", CompressionLevel.NoCompression);
            foreach (byte[] behind in damaged)
            {
                string path = _folder.WriteFile("d.gz", [.. first, .. behind]);
                Fails(ExitCode.BadInput, () => Read("prompt_completion", path), "d.gz", "is damaged");
            }

            Assert.Equal(2, Read("prompt_completion", _folder.WriteFile("e.gz", [.. first, .. second])).Length);
            Assert.Single(Read("prompt_completion", _folder.WriteFile("e.gz", [.. first, .. new byte[length]])));
        }
    }

    [Fact]
    public void ZipEntriesAreReadInOrdinalOrder()
    {
        string path = Zip("data.zip", ("b.jsonl", Line("second")), ("a/z.json", $"[{Line("first")}]"), ("README.md", "no data"), (".hidden.jsonl", "x"), ("__MACOSX/b.jsonl", "x"));
        Conversation[] read = Read("prompt_completion", path);
        Assert.Equal(["first", "second"], read.Select(conversation => conversation.Messages[0].Content));
        Assert.Equal([$"{path}/a/z.json", $"{path}/b.jsonl"], read.Select(conversation => conversation.Place.File));
        Assert.Equal([0L, 1L], read.Select(conversation => conversation.Index));
    }

    [Fact]
    public void ZipEntriesAreChosenByThePublishersNamesAsFilesOfAFolderAre()
    {
        byte[] core = File.ReadAllBytes(Path.Combine(GoldenConversationTests.Fixture("unnatural_instructions"), "core_data.jsonl"));
        string[] expected = Texts(Read("unnatural_instructions", GoldenConversationTests.Fixture("unnatural_instructions")));
        Assert.Equal(expected, Texts(Read("unnatural_instructions", Zip("a.zip", ("data/core_data.jsonl", core), ("data/full_data.jsonl", core)))));
        Assert.Equal(expected, Texts(Read("unnatural_instructions", Zip("b.zip", ("data/mine.jsonl", core)))));
    }

    [Theory]
    [InlineData("unnatural_instructions", "core_data.jsonl")]
    [InlineData("oasst1", "2023-04-12_oasst_ready.trees.jsonl")]
    [InlineData("super_ni", "")]
    public void PublishedArchivesGiveWhatTheirFilesGive(string dataset, string file)
    {
        string plain = GoldenConversationTests.Fixture(dataset);
        string gzip = file.Length == 0 ? "" : _folder.WriteFile("data.jsonl.gz", Gzip(File.ReadAllText(Path.Combine(plain, file))));
        string zip = _folder["repository.zip"];
        Directory.CreateDirectory(_folder["r/natural-instructions-master"]);
        foreach (string source in Directory.GetFiles(plain, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(_folder["r/natural-instructions-master"], Path.GetRelativePath(plain, source));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(source, copy);
        }

        ZipFile.CreateFromDirectory(_folder["r"], zip);
        string[] expected = Texts(Read(dataset, plain));
        Assert.Equal(expected, Texts(Read(dataset, zip)));
        Assert.True(gzip.Length == 0 || expected.SequenceEqual(Texts(Read(dataset, gzip))));
    }

    [Theory]
    [InlineData("../evil.jsonl")]
    [InlineData("a/../../evil.jsonl")]
    [InlineData("/etc/evil.jsonl")]
    [InlineData("C:\\evil.jsonl")]
    [InlineData("a\\..\\evil.jsonl")]
    [InlineData("a\u001b[31m.jsonl")]
    public void NamesThatLeadOutAreRefused(string name) =>
        Fails(ExitCode.BadInput, () => Read("prompt_completion", Zip("d.zip", ("good.jsonl", Line("x")), (name, Line("y")))), "d.zip", "unsafe name");

    [Fact]
    public void ArchivesInsideArchivesAreRefused()
    {
        byte[] inner = File.ReadAllBytes(Zip("inner.zip", ("a.jsonl", Line("x"))));
        Fails(ExitCode.BadInput, () => Read("prompt_completion", _folder.WriteFile("a.gz", Gzip(inner))), "a.gz", "an archive inside an archive");
        Fails(ExitCode.BadInput, () => Read("prompt_completion", _folder.WriteFile("b.gz", Gzip(Gzip(Line("x"))))), "b.gz", "an archive inside an archive");
        foreach (string name in new[] { "inner.zip", "inner.jsonl.gz", "inner.jsonl" })
        {
            Fails(ExitCode.BadInput, () => Read("prompt_completion", Zip($"{name}.zip", (name, inner))), $"{name}.zip/{name}", "an archive inside an archive");
        }
    }

    [Fact]
    public void BombsAreRefused()
    {
        // 96 MiB of spaces, which JSON allows, in a hundred kilobytes.
        byte[] spaces = new byte[1 << 20];
        spaces.AsSpan().Fill((byte)' ');
        string gzip = _folder["bomb.gz"];
        using (GZipStream stream = new(File.Create(gzip), CompressionLevel.Optimal))
        {
            WriteMany(stream, spaces, 96);
        }

        string zip = _folder["bomb.zip"];
        using (ZipArchive archive = ZipFile.Open(zip, ZipArchiveMode.Create))
        using (Stream stream = archive.CreateEntry("a.jsonl").Open())
        {
            WriteMany(stream, spaces, 96);
        }

        Fails(ExitCode.BadInput, () => Read("prompt_completion", gzip), "bomb.gz", "more than 200 times its size");
        Fails(ExitCode.BadInput, () => Read("prompt_completion", zip), "bomb.zip/a.jsonl", "more than 200 times its size");
    }

    [Theory]
    [InlineData(0.1)]
    [InlineData(0.5)]
    [InlineData(0.999)]
    public void ArchivesCutShortAreRefused(double share)
    {
        string text = string.Concat(Enumerable.Range(0, 5000).Select(i => Line($"{i * 7919 % 5003}") + "\n"));
        byte[] gzip = Gzip(text);
        Fails(ExitCode.BadInput, () => Read("prompt_completion", _folder.WriteFile("d.gz", gzip.AsSpan(0, (int)(share * gzip.Length)))), "d.gz", "damaged or cut short");
        byte[] zip = File.ReadAllBytes(Zip("d.zip", ("a.jsonl", text)));
        Fails(ExitCode.BadInput, () => Read("prompt_completion", _folder.WriteFile("e.zip", zip.AsSpan(0, (int)(share * zip.Length)))), "e.zip", "damaged or cut short");
    }

    [Fact]
    public void ZipEntriesAreHeldAgainstTheirSum()
    {
        byte[] zip = File.ReadAllBytes(Zip("d.zip", CompressionLevel.NoCompression, ("a.jsonl", Line("question"u8.ToArray()))));
        zip[zip.AsSpan().IndexOf("question"u8)] = (byte)'Q';
        Fails(ExitCode.BadInput, () => Read("prompt_completion", _folder.WriteFile("e.zip", zip)), "e.zip/a.jsonl", "damaged", "CRC-32");
    }

    [Fact]
    public void OtherFormatsAreNamed()
    {
        byte[] tar = new byte[1024];
        "ustar"u8.CopyTo(tar.AsSpan(257));
        (byte[] Bytes, string Kind)[] files =
        [
            ([.. "PAR1"u8, 0, 0], "Parquet"), ([.. "ARROW1"u8, 0, 0], "Arrow"), ([.. "BZh91AY"u8], "bzip2"), ([0xFD, .. "7zXZ"u8, 0, 0], "xz"),
            ([0x28, 0xB5, 0x2F, 0xFD, 0], "Zstandard"), (tar, "tar"), (Gzip(tar), "tar"),
        ];
        foreach ((byte[] bytes, string kind) in files)
        {
            Fails(ExitCode.BadInput, () => Read("prompt_completion", _folder.WriteFile("d.bin", bytes)), "d.bin", $"{kind} ", "which is not read");
        }
    }

    [Fact]
    public void ArchivesWithoutDataAndWithSecretsAreNamed()
    {
        Fails(ExitCode.BadInput, () => Read("prompt_completion", Zip("d.zip", ("README.md", "x"))), "d.zip", "no .json or .jsonl or .ndjson file");
        byte[] zip = File.ReadAllBytes(Zip("e.zip", ("a.jsonl", Line("x"))));
        zip[6] |= 1;    // the local header's and the directory's flag of encryption
        zip[zip.AsSpan().LastIndexOf("PK\u0001\u0002"u8) + 8] |= 1;
        Fails(ExitCode.BadInput, () => Read("prompt_completion", _folder.WriteFile("f.zip", zip)), "f.zip", "a.jsonl", "encrypted");
    }

    private static string[] Texts(Conversation[] read) => [.. read.Select(conversation => string.Join('\n', conversation.Messages))];

    private static string Line(string prompt) => Record.Replace("\"p\"", $"\"{prompt}\"", StringComparison.Ordinal);

    private static byte[] Line(byte[] prompt) => Encoding.UTF8.GetBytes(Line(Encoding.UTF8.GetString(prompt)));

    private static void WriteMany(Stream stream, byte[] bytes, int times)
    {
        for (int i = 0; i < times; i++)
        {
            stream.Write(bytes);
        }
    }

    private static byte[] Gzip(string text, CompressionLevel level = CompressionLevel.Fastest) => DataTestHelp.Gzip(Encoding.UTF8.GetBytes(text), level);

    private static byte[] Gzip(byte[] bytes) => DataTestHelp.Gzip(bytes);

    private string Zip(string name, params (string Name, string Text)[] entries) =>
        Zip(name, [.. entries.Select(entry => (entry.Name, Encoding.UTF8.GetBytes(entry.Text)))]);

    private string Zip(string name, params (string Name, byte[] Bytes)[] entries) => Zip(name, CompressionLevel.Fastest, entries);

    private string Zip(string name, CompressionLevel level, params (string Name, byte[] Bytes)[] entries)
    {
        using ZipArchive archive = new(File.Create(_folder[name]), ZipArchiveMode.Create);
        foreach ((string entryName, byte[] bytes) in entries)
        {
            using Stream stream = archive.CreateEntry(entryName, level).Open();
            stream.Write(bytes);
        }

        return _folder[name];
    }
}
