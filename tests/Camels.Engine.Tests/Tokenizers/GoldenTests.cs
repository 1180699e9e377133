using Camels.Engine.Verification;
using Camels.Testing;
using Xunit;

namespace Camels.Engine.Tests.Tokenizers;

[Trait("Category", "Paths")]
public sealed class GoldenTests
{
    private const string Root = "models/tokenizers";

    [SharedTheory(Root)]
    [InlineData("llama", "ids,ids_legacy,ids as the folder is set (legacy off),sp_ids,decoded,decoded_with_special,sp_decoded")]
    [InlineData("stories512", "ids,decoded")]
    [InlineData("opt", "ids,plain_ids,decoded,decoded_with_special")]
    [InlineData("gpt-neox", "ids,decoded,decoded_with_special")]
    public void EveryStringHolds(string family, string checks)
    {
        string folder = SharedFiles.Path($"{Root}/{family}");

        CheckReport report = TokenizerCheck.Run(folder, Path.Combine(folder, "golden.jsonl"));

        Assert.True(report.ExitCode == ExitCode.Done, report.ToText());
        Assert.Equal(checks.Split(','), report.Lines.Where(line => line.WasMade).Select(line => line.Name));
    }
}
