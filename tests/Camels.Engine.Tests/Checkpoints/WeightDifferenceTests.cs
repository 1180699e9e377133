using Camels.Engine.Checkpoints;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Tests.Models;
using Camels.Kernels;
using Xunit;

namespace Camels.Engine.Tests.Checkpoints;

/// <summary>A model comes back from its difference bit for bit, and only with its own base.</summary>
public class WeightDifferenceTests
{
    [Theory]
    [InlineData("llama", false)]
    [InlineData("opt norms last", false)]
    [InlineData("neox parallel", true)]
    public void TheTrainedModelComesBackToTheBit(string name, bool narrow)
    {
        using TemporaryFolder folder = new();
        Precision precision = narrow ? Precision.Bf16 : Precision.Fp32;
        Write(folder["base"], name, Precision.Fp32, seed: 1, vocabulary: 53);
        Write(folder["trained"], name, precision, seed: 2, vocabulary: 55);
        WeightDifference.Write(folder["trained"], folder["base"], folder["difference"]);
        WeightDifference.Recover(folder["difference"], folder["base"], folder["recovered"]);
        Assert.Equal(File.ReadAllBytes(Path.Combine(folder["trained"], "model.safetensors")), File.ReadAllBytes(Path.Combine(folder["recovered"], "model.safetensors")));
        Assert.Equal(ExitCode.BadInput, Assert.Throws<CamelsException>(() => HuggingFaceFolder.Open(folder["difference"])).Code);

        Write(folder["other"], name, Precision.Fp32, seed: 3, vocabulary: 53);
        CamelsException refused = Assert.Throws<CamelsException>(() => WeightDifference.Recover(folder["difference"], folder["other"], folder["wrong"]));
        Assert.Equal(ExitCode.BadInput, refused.Code);
        Assert.Contains("not the base", refused.Message, StringComparison.Ordinal);
        Assert.False(Path.Exists(folder["wrong"]));
    }

    [Fact]
    public void ADamagedDifferenceIsRefused()
    {
        using TemporaryFolder folder = new();
        Write(folder["base"], "llama", Precision.Fp32, seed: 1, vocabulary: 53);
        Write(folder["trained"], "llama", Precision.Fp32, seed: 2, vocabulary: 53);
        WeightDifference.Write(folder["trained"], folder["base"], folder["difference"]);
        string path = Path.Combine(folder["difference"], "difference.safetensors");
        byte[] bytes = File.ReadAllBytes(path);
        bytes[^1] ^= 1;
        File.WriteAllBytes(path, bytes);
        CamelsException refused = Assert.Throws<CamelsException>(() => WeightDifference.Recover(folder["difference"], folder["base"], folder["recovered"]));
        Assert.Contains("another checksum", refused.Message, StringComparison.Ordinal);
    }

    private static void Write(string folder, string name, Precision precision, ulong seed, int vocabulary)
    {
        using Device device = Device.OpenCpu(threads: 1);
        using ILanguageModel model = ModelCatalog.Create(TinyModels.Config(name) with { VocabularySize = vocabulary }, precision, device);
        ModelCatalog.Randomize(model, device.Stream, seed);
        HuggingFaceFolder.Export(folder, ModelWeights.ToWrite(model, companionFolder: null), replace: false);
    }
}
