using Camels.Engine.Data;
using Camels.Testing;
using Xunit;
using static Camels.Engine.Tests.Data.DataTestHelp;

namespace Camels.Engine.Tests.Data;

/// <summary>The publishers' own files, beside the checkout: counts are those of their README.</summary>
public sealed class RealDatasetTests
{
    [SharedTheory("data/train")]
    [InlineData("alpaca", "stanford_alpaca/alpaca_data.json", 4000, 1576, 2)]
    [InlineData("stanford_alpaca", "stanford_alpaca", 4000, 1576, 2)]
    [InlineData("code_alpaca", "code_alpaca/code_alpaca_2k.json", 1600, 801, 1)]
    [InlineData("gpt4_alpaca", "gpt4_alpaca/alpaca_gpt4_data.json", 1000, 409, 0)]
    [InlineData("dolly", "dolly/databricks-dolly-15k.jsonl", 4000, 1100, 0)]
    public void InstructionFilesConvert(string dataset, string path, int records, int withInput, int empty)
    {
        Conversation[] read = Read(dataset, SharedFiles.Path($"data/train/{path}"));
        Assert.Equal(records, read.Length);
        Assert.Equal(Enumerable.Range(0, records).Select(i => (long)i), read.Select(conversation => conversation.Index));
        Assert.Equal(empty, read.Count(conversation => conversation.HasEmptyAnswer));
        Assert.All(read, conversation => conversation.CheckOrder());

        DatasetFormat format = DatasetCatalog.Find(dataset);
        DatasetInput input = new() { Dataset = format.Name, Files = format.FilesAt(SharedFiles.Path($"data/train/{path}")), Seed = 0 };
        string column = dataset == "dolly" ? "context" : "input";
        Assert.Equal(withInput, JsonRecords.Read(input).Count(record => !string.IsNullOrWhiteSpace(record.OptionalText(column))));
    }

    [SharedFact("data/train/extras/p3_t0_train")]
    public void PromptCompletionFilesConvert()
    {
        Conversation[] read = Read("prompt_completion", SharedFiles.Path("data/train/extras/p3_t0_train"));
        Assert.Equal(6 * 40, read.Length);
        Assert.All(read, conversation => Assert.EndsWith("<|endoftext|>", conversation.Messages[1].Content, StringComparison.Ordinal));
    }

    [SharedFact("data/train/stanford_alpaca", "data/train/dolly")]
    public void AMixturePassesItsAudit()
    {
        using TemporaryFolder folder = new();
        PreparationSettings settings = new()
        {
            Sources =
            [
                new("alpaca", SharedFiles.Path("data/train/stanford_alpaca")),
                new("dolly", SharedFiles.Path("data/train/dolly"), Examples: 1000),
            ],
            ValidationFraction = 0.01,
        };
        using PreparationResult result = DataPreparation.Prepare(settings, new ByteTokenizer(), folder.At("prepared"));
        Assert.Equal([4000L, 1000L], result.Audit.Sources.Select(source => source.Records));
        Assert.Equal([2L, 0L], result.Audit.Sources.Select(source => source.Empty));
        Assert.Equal(1, result.Audit.Train.EosCoverage);
        Assert.Equal(0, result.Audit.Train.TrainedUserTokens);
        Assert.Equal(0, result.Audit.Train.RowsWithoutTrainedToken);
        Assert.InRange(result.Audit.Train.Fill, 0.98, 1);
        long documents = result.Train.Documents + result.Validation!.Documents;
        Assert.Equal(4998 - result.Audit.Sources.Sum(source => source.OverLongDropped), documents);
    }
}
