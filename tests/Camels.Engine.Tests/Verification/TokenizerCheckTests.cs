using Camels.Engine.Tests.Tokenizers;
using Camels.Engine.Verification;
using Xunit;

namespace Camels.Engine.Tests.Verification;

public sealed class TokenizerCheckTests
{
    private const string Good = """{"text": "hi", "ids": [256, 104, 105], "decoded": "hi", "decoded_with_special": "<s>hi"}""";

    [Fact]
    public void RightVectorsHoldAndAbsentOnesAreNamed()
    {
        CheckReport report = Run(Good);

        Assert.Equal((ExitCode.Done, 3, 0), (report.ExitCode, report.Made, report.Failed));
        Assert.Contains(report.Lines, line => line is { Name: "plain_ids", WasMade: false, Note: "not in this case" });
    }

    [Theory]
    [InlineData("""{"text": "hi", "ids": [256, 104, 106], "decoded": "hj", "decoded_with_special": "<s>hj"}""", "ids")]
    [InlineData("""{"text": "hi", "ids": [104, 105], "decoded": "hi", "decoded_with_special": "hi"}""", "ids")]
    [InlineData("""{"text": "hi", "ids": [256, 104, 105], "plain_ids": [256, 104, 105], "decoded": "hi", "decoded_with_special": "<s>hi"}""", "plain_ids")]
    [InlineData("""{"text": "hi", "ids": [256, 104, 105], "decoded": "ho", "decoded_with_special": "<s>hi"}""", "decoded")]
    [InlineData("""{"text": "hi", "ids": [256, 104, 105], "decoded": "hi", "decoded_with_special": "hi"}""", "decoded_with_special")]
    public void AWrongVectorFails(string line, string failing)
    {
        CheckReport report = Run(Good + "\n" + line);

        Assert.Equal(ExitCode.CheckFailed, report.ExitCode);
        Assert.Equal([failing], report.Lines.Where(check => check.WasMade && !check.Held).Select(check => check.Name));
        Assert.Contains("\"hi\"", report.ToText(), StringComparison.Ordinal);
    }

    [Fact]
    public void AnIdOutsideTheVocabularyIsADifference() =>
        Assert.Contains("outside the vocabulary", Run("""{"text": "h", "ids": [999], "decoded": "h"}""").ToText(), StringComparison.Ordinal);

    [Fact]
    public void NoStringsAreNoChecksAndThatFails() => Assert.Equal(ExitCode.CheckFailed, Run("\n").ExitCode);

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("""{"text": "a", "ids": "1", "decoded": "a"}""")]
    [InlineData("""{"text": "a", "ids": [1.5], "decoded": "a"}""")]
    [InlineData("""{"text": null, "ids": [1], "decoded": "a"}""")]
    [InlineData("""{"ids": [1], "decoded": "a"}""")]
    [InlineData("""{"text": "\ud800", "ids": [1], "decoded": "a"}""")]
    public void ABrokenLineIsNamed(string line)
    {
        CamelsException refusal = Assert.Throws<CamelsException>(() => Run(Good + "\n" + line));

        Assert.Equal(ExitCode.BadInput, refusal.Code);
        Assert.Contains("golden.jsonl, line 2", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnErrorThatIsNoNumberNeverHolds()
    {
        CheckReport report = Run(Good);
        report.Add("not a number", double.NaN, double.PositiveInfinity);

        Assert.Equal((4, 1, ExitCode.CheckFailed), (report.Made, report.Failed, report.ExitCode));
    }

    private static CheckReport Run(string golden)
    {
        using TokenizerFolder folder = TokenizerFolder.Bytes();
        _ = folder.With("golden.jsonl", golden);
        return TokenizerCheck.Run(folder.Path, Path.Combine(folder.Path, "golden.jsonl"));
    }
}
