using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Camels.Engine.Data;
using Camels.Engine.Tests.Checkpoints;
using Camels.Testing;
using Xunit;

namespace Camels.Engine.Tests.Data;

/// <summary>
/// What is trained, text and mask, from a publisher's file to the row. Expected values were computed by a program of its own, written from the
/// published conversion rules and sharing nothing with this one: for the files in tests/fixtures/data the text itself, for real records, which are not
/// ours to copy, SHA-256.
/// </summary>
public sealed class GoldenConversationTests
{
    private static readonly JsonSerializerOptions _readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly Lazy<JsonElement[]> _golden = new(() =>
        [.. JsonDocument.Parse(File.ReadAllText(Fixture("golden.json"))).RootElement.EnumerateArray()]);

    public static TheoryData<string, string> GoldenFiles()
    {
        TheoryData<string, string> files = [];
        foreach (JsonElement entry in _golden.Value.Where(entry => entry.TryGetProperty("all_sha256", out _)))
        {
            files.Add(entry.GetProperty("dataset").GetString()!, entry.GetProperty("path").GetString()!);
        }

        return files;
    }

    [SharedTheory("data/train")]
    [MemberData(nameof(GoldenFiles))]
    public void RealRecordsHaveTheirTextAndMask(string dataset, string path)
    {
        using TemporaryFolder folder = new();
        using PreparationResult result = Prepare(folder, dataset, SharedFiles.Path($"data/train/{path}"));
        Dictionary<long, int> rowOfRecord = Enumerable.Range(0, result.Train.Rows).ToDictionary(row => result.Train.Row(row).DocumentRecords[0], row => row);
        JsonElement[] entries = [.. _golden.Value.Where(entry => entry.GetProperty("path").GetString() == path)];
        Assert.InRange(entries.Length, 2, 7);
        foreach (JsonElement entry in entries)
        {
            if (entry.TryGetProperty("record", out JsonElement record))
            {
                PackedRow row = result.Train.Row(rowOfRecord[record.GetInt64()]);
                Assert.Equal(entry.GetProperty("text_sha256").GetString(), Sha256(Encoding.UTF8.GetBytes(new ByteTokenizer().Decode(row.Ids, skipSpecial: false))));
                Assert.Equal(entry.GetProperty("mask_sha256").GetString(), Sha256(row.Trained));
            }
            else
            {
                Assert.Equal(entry.GetProperty("conversations").GetInt32(), result.Train.Rows);
                Assert.Equal(entry.GetProperty("all_sha256").GetString(), Sha256OfAll(result.Train));
            }
        }
    }

    [Theory]
    [InlineData("super_ni")]
    [InlineData("cot")]
    [InlineData("flan_v2")]
    [InlineData("dolly")]
    [InlineData("oasst1")]
    [InlineData("self_instruct")]
    [InlineData("unnatural_instructions")]
    [InlineData("stanford_alpaca")]
    [InlineData("code_alpaca")]
    [InlineData("gpt4_alpaca")]
    [InlineData("baize")]
    [InlineData("sharegpt")]
    public void RecordsOfOursHaveTheirTextAndMask(string dataset)
    {
        using TemporaryFolder folder = new();
        using PreparationResult result = Prepare(folder, dataset, Fixture(dataset));
        string[] lines = [.. Enumerable.Range(0, result.Train.Rows).Select(row => JsonSerializer.Serialize(Marked(result.Train.Row(row)), _readable))];
        Assert.Equal(File.ReadAllText(Fixture($"expected/{dataset}.jsonl")), string.Concat(lines.Select(line => line + "\n")));
    }

    internal static string Fixture(string path) => Path.Combine(SharedFiles.Repository, "tests", "fixtures", "data", path);

    // One conversation a row; rows are ordered by their first document.
    private static PreparationResult Prepare(TemporaryFolder folder, string dataset, string path) => DataPreparation.Prepare(
        new PreparationSettings { Sources = [new(dataset, path)], SequenceLength = 1 << 20, Packing = false }, new ByteTokenizer(), folder["prepared"]);

    // The row's text, the trained part in brackets.
    private static string Marked(PackedRow row)
    {
        StringBuilder text = new();
        int start = 0;
        for (int i = 1; i <= row.Ids.Length; i++)
        {
            if (i == row.Ids.Length || row.Trained[i] != row.Trained[start])
            {
                string part = new ByteTokenizer().Decode(row.Ids[start..i], skipSpecial: false);
                text.Append(row.Trained[start] == 1 ? $"⟦{part}⟧" : part);
                start = i;
            }
        }

        return text.ToString();
    }

    private static string Sha256OfAll(PreparedData data)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (int r = 0; r < data.Rows; r++)
        {
            PackedRow row = data.Row(r);
            byte[] tokens = new byte[3 * row.Ids.Length];
            for (int i = 0; i < row.Ids.Length; i++)
            {
                (tokens[3 * i], tokens[(3 * i) + 1], tokens[(3 * i) + 2]) = ((byte)row.Ids[i], (byte)(row.Ids[i] >> 8), row.Trained[i]);
            }

            hash.AppendData(tokens);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static string Sha256(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
