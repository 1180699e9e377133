using Camels.Engine.Data;
using Camels.Engine.Tests.Checkpoints;
using Xunit;
using static Camels.Engine.Tests.Data.DataTestHelp;

namespace Camels.Engine.Tests.Data;

public sealed class ValidationSplitTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0.001, 1)]
    [InlineData(0.1, 10)]
    [InlineData(0.5, 50)]
    public void AFractionOfTheDistinctConversationsIsHeldOutAndNeverTrainedOn(double fraction, int heldOut)
    {
        // 100 distinct ones, every third of them twice.
        string text = string.Concat(Enumerable.Range(0, 133).Select(i => i < 100 ? i : (i - 100) * 3).Select(i => Turns($"q{i}", $"a{i}")));
        (List<string> train, List<string> validation) = Split(text, fraction);
        Assert.Equal(133, train.Count + validation.Count);
        Assert.Equal(heldOut, validation.Distinct().Count());
        Assert.Equal(100 - heldOut, train.Distinct().Count());
        Assert.Empty(train.Intersect(validation));
    }

    [Fact]
    public void TheChoiceDependsOnContentNotOnOrder()
    {
        string[] lines = [.. Enumerable.Range(0, 60).Select(i => Turns($"q{i}", $"a{i}"))];
        List<string> validation = Split(string.Concat(lines), 0.2).Validation;
        Assert.Equal(12, validation.Count);
        Assert.Equal(validation.Order(), Split(string.Concat(lines.Reverse()), 0.2).Validation.Order());
    }

    // As the paths of a tree do: an answer that one of them is measured on is context or target of the others.
    [Fact]
    public void WhatBeginsAlikeSharesASide()
    {
        string text = string.Concat(Enumerable.Range(0, 120).Select(i => Turns($"q{i % 30}", $"a{i % 60}", $"and {i}?", "so")));
        (List<string> train, List<string> validation) = Split(text, 0.2);
        static string Question(string contents) => contents.Split('-')[0];
        Assert.Equal(6, validation.Select(Question).Distinct().Count());
        Assert.Equal(24, validation.Count);
        Assert.Empty(train.Select(Question).Intersect(validation.Select(Question)));
    }

    [Fact]
    public void DressedDuplicatesShareASide()
    {
        // The same record again and again gets different instruction templates.
        string records = string.Join(",", Enumerable.Range(0, 200).Select(i =>
            $$"""{"instruction": "i{{i % 20}}", "input": "", "output": "o{{i % 20}}"}"""));
        using PreparationResult result = DataPreparation.Prepare(
            new PreparationSettings
            {
                Sources = [new("alpaca", _folder.Write("alpaca.json", $"[{records}]"))],
                Packing = false,
                ValidationFraction = 0.25,
            },
            new ByteTokenizer(),
            _folder["prepared"]);
        HashSet<string> Answers(PreparedData data) => [.. DataPreparationTests.Contents(data).Select(text => text[(text.LastIndexOf('-') + 1)..])];
        Assert.Equal(5, Answers(result.Validation!).Count);
        Assert.Equal(15, Answers(result.Train).Count);
        Assert.Empty(Answers(result.Validation!).Intersect(Answers(result.Train)));
        Assert.Equal(50, result.Validation!.Documents);
        Assert.Equal(50, result.Audit.Sources[0].HeldOut);
    }

    [Fact]
    public void OwnSourcesAreNeverTrainedOn()
    {
        string train = _folder.Write("train.jsonl", Turns("a", "b") + Turns("c", "d") + Turns("e ", "another answer"));
        string validation = _folder.Write("validation.jsonl", Turns("e", "f") + Turns("g", "h"));
        using PreparationResult result = DataPreparation.Prepare(
            new PreparationSettings { Sources = [new("messages", train)], ValidationSources = [new("messages", validation)], Packing = false },
            new ByteTokenizer(),
            _folder["prepared"]);
        Assert.Equal(["a-b", "c-d"], DataPreparationTests.Contents(result.Train));
        Assert.Equal(["e-f", "g-h"], DataPreparationTests.Contents(result.Validation!));
        SourceAudit trainAudit = result.Audit.Sources.Single(source => !source.IsValidation);
        SourceAudit validationAudit = result.Audit.Sources.Single(source => source.IsValidation);
        Assert.Equal((1L, 0L), (trainAudit.InValidationSources, trainAudit.Duplicate));
        Assert.Equal(2, validationAudit.HeldOut);
        Assert.Equal("validation_messages", validationAudit.Name);
        Assert.Equal(2, result.Audit.Validation!.Documents);
    }

    [Fact]
    public void TooLittleToHoldOutIsRefused()
    {
        Fails(ExitCode.BadInput, () => Split(Turns("a", "b") + Turns("a", "b"), 0.5), "1 distinct first messages");
        PreparationSettings settings = new()
        {
            Sources = [new("messages", _folder.Write("train.jsonl", Turns("a", "b")))],
            ValidationSources = [new("messages", _folder.Write("empty.jsonl", "\n"))],
        };
        Fails(
            ExitCode.BadInput,
            () => DataPreparation.Prepare(settings, new ByteTokenizer(), _folder["prepared"]),
            "data.validation.sources have no usable record");
    }

    private (List<string> Train, List<string> Validation) Split(string text, double fraction)
    {
        string path = _folder.Write("data.jsonl", text);
        using PreparationResult result = DataPreparation.Prepare(
            new PreparationSettings { Sources = [new("messages", path)], ValidationFraction = fraction, Packing = false },
            new ByteTokenizer(),
            _folder["prepared"]);
        return (DataPreparationTests.Contents(result.Train), DataPreparationTests.Contents(result.Validation!));
    }
}
