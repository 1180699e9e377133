using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Camels.Cli.Quickstart;
using Camels.Engine;
using Xunit;

namespace Camels.Cli.Tests;

/// <summary>Datasets that are broken, missing or hostile, as a user of prepare meets them: exit code 3, the place named, nothing written.</summary>
public sealed class BrokenDatasetTests : IDisposable
{
    private const string Alpaca = """{"instruction": "i", "input": "", "output": "o"}""";

    private readonly string _root = Directory.CreateTempSubdirectory("camels-").FullName;
    private readonly string _tokenizer;

    public BrokenDatasetTests()
    {
        QuickstartFolder folder = new(Directory.CreateDirectory(Path.Combine(_root, "model")).FullName, QuickstartScale.Full);
        _ = folder.WriteTokenizer();
        _tokenizer = folder.TokenizerPath;
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    public static TheoryData<string, string, byte[], string> Broken() => new()
    {
        { "alpaca", "a.json", Utf8($"[{Alpaca},\n{Alpaca},\n{{\"instruction\": }}]"), "a.json, line 3, column 17: broken JSON" },
        { "alpaca", "a.json", Utf8($"[{Alpaca},\n{{\"instruction\": \"i\"}}]"), "a.json, line 2 (record 2): column \"output\" is missing" },
        { "alpaca", "a.json", [.. Utf8($"[{Alpaca},\n{{\"instruction\": \""), 0xC3, 0x28, .. Utf8("\"}]")], "a.json, line 2, column 18: invalid UTF-8" },
        { "dolly", "d.jsonl", Utf8("{\"instruction\": \"i\", \"response\": 3}\n"), "d.jsonl, line 1 (record 1): column \"response\" is a number" },
        { "cot", "c.tsv", Utf8("q\ta\tc\nq\ta\n"), "c.tsv, line 2 (record 2): the row has 2 columns" },
        { "oasst1", "t.jsonl", Utf8("{\"prompt\": {\"role\": \"x\", \"text\": \"t\"}}"), "t.jsonl, line 1 (record 1): column \"prompt.role\" is \"x\"" },
        { "super_ni", "s.json", Utf8("{\"Definition\": \"d\",\n\"Instances\": [{\"output\": \"o\"}]}"), "s.json, line 2 (record 1): column \"Instances[0].input\" is missing" },
        { "oasst1", "t.jsonl.gz", Gzip(Alpaca)[..^9], "t.jsonl.gz: is damaged or cut short" },
        { "oasst1", "t.jsonl.gz", Gzip(Gzip(Alpaca)), "t.jsonl.gz: an archive inside an archive" },
        { "unnatural_instructions", "core_data.zip", Zip("../core_data.jsonl"), "core_data.zip: entry \"../core_data.jsonl\" leads out" },
        { "unnatural_instructions", "core_data.zip", Zip("core_data.jsonl")[..^30], "core_data.zip: is damaged or cut short" },
        { "unnatural_instructions", "core_data.zip", Zip("nested.zip"), "core_data.zip/nested.zip: an archive inside an archive" },
        { "sharegpt", "s.json", Utf8("[{\"conversations\": []}]"), "1 records read, none usable (0 empty, 0 longer than a row, 1 no messages)" },
        { "sharegpt", "s.parquet", Utf8("PAR1...."), "s.parquet is a Parquet file, which is not read" },
    };

    [Theory]
    [MemberData(nameof(Broken))]
    public void Broken_data_is_named_and_nothing_is_written(string dataset, string file, byte[] bytes, string mentions)
    {
        string path = Path.Combine(_root, file);
        File.WriteAllBytes(path, bytes);
        Refused(mentions, $"{dataset}={path}");
    }

    [Fact]
    public void Missing_data_and_unknown_datasets_are_named()
    {
        Refused("nowhere: no such file or folder", $"dolly={_root}/nowhere");
        Refused("the folder has no .json or .jsonl or .ndjson file", $"dolly={Directory.CreateDirectory(Path.Combine(_root, "empty")).FullName}");
        Refused("unknown dataset \"dollie\"; known are messages, prompt_completion, super_ni, cot, flan_v2, dolly, oasst1, self_instruct, "
            + "unnatural_instructions, stanford_alpaca, alpaca, code_alpaca, gpt4_alpaca, baize, sharegpt", $"dollie={_root}");
    }

    [Fact]
    public void Help_names_the_datasets()
    {
        string help = InProcess.Run("prepare", "--help").Output;
        Assert.Contains("super_ni, cot, flan_v2, dolly, oasst1", string.Join(' ', help.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_mapped_dataset_is_a_recipe_and_what_is_left_out_is_listed()
    {
        string data = Write("forum.jsonl", """
            {"q": {"title": "How?"}, "answers": ["Like this.", "Or so."]}
            {"q": {"title": "Why?"}, "answers": []}
            {"q": {"title": "When?"}, "answers": ["Soon."]}
            """);
        string recipe = Write("recipe.yaml", $$"""
            data:
              sources:
                - {dataset: forum, path: {{data}}, map: {instruction: q.title, output: "answers[0]"} }
              sequence_length: 256
            output: {{_root}}/run
            """);
        (ExitCode code, string output, string error) = InProcess.Run("prepare", "--recipe", recipe, "--tokenizer", _tokenizer, "--output", $"{_root}/prepared");
        Assert.True(code == ExitCode.Done, output + error);
        Assert.Contains("forum: 1 left out, no answer; all in left_out.jsonl", output + error, StringComparison.Ordinal);
        JsonElement leftOut = JsonDocument.Parse(Assert.Single(File.ReadAllLines(Path.Combine(_root, "prepared", "left_out.jsonl")))).RootElement;
        Assert.Equal(("forum", data, 2, 2, "no answer, left out"), (
            leftOut.GetProperty("source").GetString(), leftOut.GetProperty("file").GetString(), leftOut.GetProperty("line").GetInt32(),
            leftOut.GetProperty("record").GetInt32(), leftOut.GetProperty("reason").GetString()));
    }

    private void Refused(string mentions, string data)
    {
        string[] before = Directory.GetFileSystemEntries(_root, "*", SearchOption.AllDirectories);
        (ExitCode code, string output, string error) = InProcess.Run("prepare", "--data", data, "--tokenizer", _tokenizer, "--output", $"{_root}/prepared");
        Assert.True(code == ExitCode.BadInput, $"{code}: {output}{error}");
        Assert.InRange(error.TrimEnd().Split('\n').Length, 1, 2);
        Assert.Contains(mentions, error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        Assert.Equal(before.Order(), Directory.GetFileSystemEntries(_root, "*", SearchOption.AllDirectories).Where(path => !path.EndsWith(".lock", StringComparison.Ordinal)).Order());
    }

    private string Write(string name, string text)
    {
        File.WriteAllText(Path.Combine(_root, name), text);
        return Path.Combine(_root, name);
    }

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    private static byte[] Gzip(string text) => Gzip(Utf8(text));

    private static byte[] Gzip(byte[] bytes)
    {
        using MemoryStream packed = new();
        using (GZipStream stream = new(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            stream.Write(bytes);
        }

        return packed.ToArray();
    }

    // An archive of one entry, which is an archive where the name says so.
    private static byte[] Zip(string name)
    {
        using MemoryStream packed = new();
        using (ZipArchive archive = new(packed, ZipArchiveMode.Create, leaveOpen: true))
        {
            using Stream stream = archive.CreateEntry(name).Open();
            stream.Write(name.EndsWith(".zip", StringComparison.Ordinal) ? Zip("a.jsonl") : Utf8(Alpaca));
        }

        return packed.ToArray();
    }
}
