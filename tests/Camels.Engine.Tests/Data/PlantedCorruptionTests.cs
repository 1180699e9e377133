using System.Text.Json;
using Camels.Engine.Data;
using Camels.Engine.Tests.Checkpoints;
using Xunit;
using static Camels.Engine.Tests.Data.DataTestHelp;

namespace Camels.Engine.Tests.Data;

/// <summary>Twelve things that are wrong in training data, each planted in data that is right: the audit sees every one, and nothing else.</summary>
public sealed class PlantedCorruptionTests : IDisposable
{
    private const string Leaked = "How many wells does a caravan of forty camels pass on its way from Cairo to the sea?";

    private static readonly Prepared.Document _good = Prepared.Good();

    private readonly TemporaryFolder _folder = new();

    public PlantedCorruptionTests()
    {
        _ = Directory.CreateDirectory(_folder["eval/camels"]);
        _folder.Write("eval/camels/test.jsonl", JsonSerializer.Serialize(new { question = Leaked }) + "\n");
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void CleanDataRaisesNoAlarm()
    {
        (SourceAudit source, Audit audit) = Prepare(Clean(0, 60), strict: true);
        Assert.Equal(60, source.Taken);
        Assert.Equal(0, source.Empty + source.Duplicate + source.NearDuplicate + source.OverLong + source.NonText + source.Contaminated + source.Unanswered);
        Assert.Equal(0, audit.Train.TrainedUserTokens + audit.Train.DocumentsWithWrongBos + audit.Train.RowsWithoutTrainedToken);
        Assert.Equal((1.0, 0L), (audit.Train.EosCoverage, audit.Contamination!.Records));
        Assert.Empty(source.Listed);
    }

    // In the prepared tokens, as a broken template or mask would leave them.
    [Theory]
    [InlineData("user tokens trained", "outside assistant turns are trained")]
    [InlineData("EOS masked", "lack a trained EOS")]
    [InlineData("truncated tail", "lack a trained EOS")]
    [InlineData("double BOS", "wrong number of BOS")]
    public void CorruptTokensAreRefused(string corruption, string complaint)
    {
        Prepared.Document corrupt = corruption switch
        {
            "user tokens trained" => _good with { Trained = [0, 1, 1, 1] },
            "EOS masked" => _good with { Trained = [0, 0, 1, 0] },
            "truncated tail" => _good with { Ids = [256, 'u', 'a', 'b'] },
            _ => _good with { Ids = [256, 256, 'a', ByteTokenizer.Eos] },
        };
        using PreparedData data = Prepared.Write(_folder["tokens"], [[_good, _good], [_good, corrupt]]);
        Audit audit = new() { Key = "", Sources = [], Train = SplitAudit.Measure(data), Validation = null };
        Fails(ExitCode.BadInput, () => audit.Require(strict: false), "the audit refuses", complaint);
    }

    [Theory]
    [InlineData("empty assistant", "has no text")]
    [InlineData("leaked evaluation item", "gives away evaluation items")]
    [InlineData("duplicate", "duplicate of an earlier record")]
    [InlineData("mojibake", "mojibake")]
    [InlineData("control characters", "control characters")]
    [InlineData("1 MB line", "longer than a row")]
    [InlineData("NUL", "U+0000")]
    public void CorruptRecordsAreCountedAndListed(string corruption, string listed)
    {
        string planted = corruption switch
        {
            "empty assistant" => Turns("What is a camel?", " \n"),
            "leaked evaluation item" => Turns($"Task: {Leaked}", "Seven."),
            "duplicate" => Clean(7, 1),
            "mojibake" => Turns("What is coffee with milk?", "It is cafÃ© au lait."),
            "control characters" => Turns("Ring the bell", "\u0007\u0007"),
            "1 MB line" => Turns("Say it again and again", string.Join(' ', Enumerable.Range(0, 160_000).Select(i => i.ToString("x5", System.Globalization.CultureInfo.InvariantCulture)))),
            _ => Turns("End the text", "The end\0"),
        };
        (SourceAudit source, Audit audit) = Prepare(Clean(0, 30) + planted + Clean(30, 30), strict: false);
        (string, long)[] counts =
        [
            ("empty assistant", source.Empty), ("leaked evaluation item", source.Contaminated), ("duplicate", source.Duplicate),
            ("mojibake", source.Mojibake), ("control characters", source.ControlCharacters), ("1 MB line", source.OverLong), ("NUL", source.Nul),
        ];
        Assert.All(counts, count => Assert.Equal(count.Item1 == corruption ? 1 : 0, count.Item2));
        Assert.Contains("line 31 (record 31)", Assert.Single(source.Listed), StringComparison.Ordinal);
        Assert.Contains(listed, source.Listed[0], StringComparison.Ordinal);
        Assert.Equal(corruption == "leaked evaluation item" ? 1 : 0, audit.Contamination!.Records);
        if (corruption != "empty assistant")
        {
            Fails(ExitCode.BadInput, () => Prepare(Clean(0, 30) + planted, strict: true), "the audit refuses", "line 31 (record 31)");
        }
    }

    [Fact]
    public void AWrongRoleOrderIsRefused() => Fails(
        ExitCode.BadInput,
        () => Prepare(Clean(0, 30) + MessagesLine(("assistant", "b"), ("user", "a")), strict: false),
        "line 31 (record 31)", "message 1 is from assistant");

    private static string Clean(int first, int count) => string.Concat(Enumerable.Range(first, count).Select(i =>
        Turns($"Question {i}: what is {i} times {i}?", $"{i} times {i} is {i * i}, très bien — “done”.", $"And plus {i}?", $"That makes {(i * i) + i}.")));

    private (SourceAudit Source, Audit Audit) Prepare(string text, bool strict)
    {
        PreparationSettings settings = new()
        {
            Sources = [new("messages", _folder.Write("data.jsonl", text))],
            EvaluationFolder = _folder["eval"],
            Strict = strict,
        };
        using PreparationResult result = DataPreparation.Prepare(settings, new ByteTokenizer(), _folder["prepared"]);
        return (result.Audit.Sources[0], result.Audit);
    }
}
