using Camels.Engine.Data;
using Camels.Engine.Tests.Checkpoints;
using Camels.Engine.Tokenizers;
using Camels.Testing;
using Xunit;

namespace Camels.Engine.Tests.Data;

/// <summary>How full the rows of real files are at 2,048 tokens.</summary>
public sealed class PackingFillTests
{
    // Files of one turn pair a record whose rows are 50 or more, and a mixture in the paper's proportions as far as the sample has them.
    [SharedTheory("data/train", "models/tokenizers/llama")]
    [InlineData("alpaca=stanford_alpaca")]
    [InlineData("code_alpaca=code_alpaca")]
    [InlineData("gpt4_alpaca=gpt4_alpaca")]
    [InlineData("dolly=dolly")]
    [InlineData("cot=cot")]
    [InlineData("cot=cot/cot_data/qasc_train.tsv")]
    [InlineData("cot=cot/cot_data/creak_train.tsv")]
    [InlineData("cot=cot/cot_data/strategyqa_train.tsv")]
    [InlineData("super_ni=super_ni")]
    [InlineData("cot=cot:1000", "dolly=dolly:150", "oasst1=oasst1/en_100_tree.jsonl", "gpt4_alpaca=gpt4_alpaca:520", "code_alpaca=code_alpaca:200", "sharegpt=sharegpt/sharegpt_no_ids.json")]
    public void RowsAreAtLeast98PercentFull(params string[] sources)
    {
        using TemporaryFolder folder = new();
        using PreparationResult result = DataPreparation.Prepare(
            new PreparationSettings { Sources = [.. sources.Select(Source)] },
            TokenizerFiles.Load(SharedFiles.Path("models/tokenizers/llama")),
            folder["prepared"]);
        Assert.InRange(result.Train.Rows, 50, int.MaxValue);
        Assert.InRange(result.Audit.Train.FillWithoutLastRow, 0.98, 1);
        Assert.Equal(1, result.Audit.Train.EosCoverage);
    }

    private static DataSource Source(string spec)
    {
        string[] parts = spec.Split('=', ':');
        return new DataSource(parts[0], SharedFiles.Path($"data/train/{parts[1]}"), parts.Length > 2 ? int.Parse(parts[2], System.Globalization.CultureInfo.InvariantCulture) : null);
    }
}
