using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Tests.Checkpoints;
using Camels.Kernels;
using Xunit;

namespace Camels.Engine.Tests.Models;

/// <summary>The presets are the published models: their numbers of parameters, and configs that transformers would read.</summary>
public class ModelPresetsTests
{
    // As the publishers state them, to the digits they give: all weights, a tied head once (Pythia's table counts the head apart).
    [Theory]
    [InlineData("llama-7b", 6_738_415_616)]
    [InlineData("llama-13b", 13_015_864_320)]
    [InlineData("llama-30b", 32_528_943_616)]
    [InlineData("llama-65b", 65_285_660_672)]
    [InlineData("llama2-7b", 6_738_415_616)]
    [InlineData("llama2-13b", 13_015_864_320)]
    [InlineData("llama2-70b", 68_976_648_192)]
    [InlineData("opt-125m", 125_239_296)]
    [InlineData("opt-350m", 331_196_416)]
    [InlineData("opt-1.3b", 1_315_758_080)]
    [InlineData("opt-2.7b", 2_651_596_800)]
    [InlineData("opt-6.7b", 6_658_473_984)]
    [InlineData("opt-13b", 12_853_473_280)]
    [InlineData("opt-30b", 29_974_540_288)]
    [InlineData("pythia-70m", 70_426_624)]
    [InlineData("pythia-160m", 162_322_944)]
    [InlineData("pythia-410m", 405_334_016)]
    [InlineData("pythia-1b", 1_011_781_632)]
    [InlineData("pythia-1.4b", 1_414_647_808)]
    [InlineData("pythia-2.8b", 2_775_208_960)]
    [InlineData("pythia-6.9b", 6_857_302_016)]
    [InlineData("pythia-12b", 11_846_072_320)]
    public void EverySizeHasThePublishedNumberOfParameters(string name, long parameters) =>
        Assert.Equal(parameters, ModelPresets.Find(name)!.ParameterCount());

    // 32 TB, in blocks small enough that a system which promises more than it has gives every one.
    [Fact]
    public void WeightsThatTheMachineHasNoMemoryForAreRefused()
    {
        using Device device = Device.OpenCpu(threads: 1);
        ModelConfig config = ModelPresets.Find("llama-65b")! with { BlockCount = 10_000 };
        Assert.Throws<InsufficientMemoryException>(() => ModelCatalog.Create(config, Precision.Fp32, device));
    }

    [Fact]
    public void EveryConfigIsReadAsItIsWritten()
    {
        using TemporaryFolder folder = new();
        foreach (string name in ModelPresets.Names)
        {
            ModelConfig config = ModelPresets.Find(name)!;
            ModelConfig read = ModelConfigFile.Read(folder.WriteFile("config.json", ModelConfigFile.ToJson(config)));
            Assert.Equal(config.EosIds, read.EosIds);
            Assert.Equal(config with { EosIds = [] }, read with { EosIds = [] });
        }
    }
}
