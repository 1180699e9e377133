using System.Text.Json;
using Camels.Engine.Data;
using Camels.Engine.Tests.Checkpoints;
using Xunit;
using static Camels.Engine.Tests.Data.DataTestHelp;

namespace Camels.Engine.Tests.Data;

public sealed class LeftOutListTests
{
    private const int Copies = 30;

    // The audit lists the first twenty of a source; the file has every one, and none that was kept.
    [Fact]
    public void EveryRecordThatLostSomethingIsInTheFile()
    {
        using TemporaryFolder folder = new();
        string copies = string.Concat(Enumerable.Repeat(Turns("a", "b"), 1 + Copies));
        string path = folder.Write("mine.jsonl", Turns("e", " ") + copies + Turns("k", "l", "m", new string('n', 200)) + Turns("o", new string('p', 200)) + Turns("q", "r\u0001"));
        using PreparationResult result = DataPreparation.Prepare(
            new PreparationSettings
            {
                Sources = [new("messages", path)],
                SequenceLength = 56,
                OverLength = OverLength.Split,
                Deduplicate = Deduplicate.Exact,
            },
            new ByteTokenizer(), folder["prepared"]);
        JsonElement[] lines = [.. File.ReadLines(Path.Combine(folder["prepared"], "left_out.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)];
        List<(int Record, string Reason)> expected = [(1, "an assistant turn has no text, dropped")];
        expected.AddRange(Enumerable.Range(3, Copies).Select(record => (record, "duplicate of an earlier record, removed")));
        expected.Add((Copies + 3, "longer than a row, cut"));
        expected.Add((Copies + 4, "longer than a row, dropped"));
        Assert.Equal(expected, lines.Select(line => (line.GetProperty("record").GetInt32(), line.GetProperty("reason").GetString()!)));
        Assert.Equal(1 + 20, result.Audit.Sources[0].Listed.Count);
        Assert.Equal((Copies, 1, 1), ((int)result.Audit.Sources[0].Removed, (int)result.Audit.Sources[0].Truncated, (int)result.Audit.Sources[0].OverLongDropped));
        Assert.Equal(1, result.Audit.Sources[0].ControlCharacters);
        Assert.Empty(Directory.GetFiles(folder["prepared"], "*.partial"));
    }
}
