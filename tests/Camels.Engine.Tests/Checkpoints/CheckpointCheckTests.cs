using System.Runtime.InteropServices;
using Camels.Engine.Checkpoints;
using Camels.Engine.Verification;
using Camels.Kernels;
using Camels.Testing;
using Xunit;

namespace Camels.Engine.Tests.Checkpoints;

public class CheckpointCheckTests
{
    [SharedTheory("models/stories260K", "golden/llama_gqa_odd")]
    [InlineData("models/stories260K", 47 + 1, 0)]
    [InlineData("models/stories260K-bf16-sharded", 47 + 1, 0)]
    [InlineData("golden/llama_gqa_odd", 21, 2 + 1)]
    public void RealModelsHold(string folder, int made, int absent)
    {
        CheckReport report = CheckpointCheck.Run(SharedFiles.Path(folder));
        Assert.Equal((made, 0, absent), (report.Made, report.Failed, report.Lines.Count(line => !line.WasMade)));
        Assert.Equal(ExitCode.Done, report.ExitCode);
    }

    [Fact]
    public void AWholeCheckpointHolds()
    {
        using TemporaryFolder folder = new();
        string path = new CheckpointWriter(folder.Path, keep: 1).Save(TrainingStateTests.Checkpoint(1));
        CheckReport report = CheckpointCheck.Run(path);
        Assert.Equal(ExitCode.Done, report.ExitCode);
        Assert.Contains(report.Lines, line => line.Name == "exp_avg/w" && line.Held);
        Assert.Contains(report.Lines, line => line.Name == "state-00001-of-00001.safetensors" && line.Held);
    }

    [Theory]
    [InlineData(float.NaN, "1 values are not finite")]
    [InlineData(float.NegativeInfinity, "1 values are not finite")]
    [InlineData(0f, "all zero")]
    [InlineData(1e-40f, null)]
    public void EmptyAndNonFiniteWeightsAreFound(float value, string? fault)
    {
        using TemporaryFolder folder = new();
        ModelToWrite model = HuggingFaceFolderTests.Tiny(HuggingFaceFolderTests.TinyConfig);
        TensorToWrite[] tensors = [.. model.Tensors.Select(t => t.Name == "model.norm.weight" ? t with { Source = OneValue(value) } : t)];
        HuggingFaceFolder.Export(folder["m"], model with { Tensors = tensors }, replace: false);
        CheckReport report = CheckpointCheck.Run(folder["m"]);
        Assert.Equal(fault is null ? 0 : 1, report.Failed);
        Assert.Contains(fault ?? "F32 (8)", report.Lines.Single(line => line.Name == "model.norm.weight").Note, StringComparison.Ordinal);
    }

    [Fact]
    public void FaultsAreLinesOfTheirOwn()
    {
        using TemporaryFolder folder = new();
        string path = new CheckpointWriter(folder.Path, keep: 1).Save(TrainingStateTests.Checkpoint(1));
        string weights = Path.Combine(path, "model", TensorFiles.SingleFileName);
        using (SafetensorsFile file = SafetensorsFile.Open(weights))
        {
            IEnumerable<TensorToWrite> others = file.Tensors.Where(t => t.Name != "lm_head.weight").Select(t => TensorToWrite.FromStored(t, DType.F32));
            SafetensorsTests.Write(folder["w"], others.Select(t => t.Name == "model.norm.weight" ? t with { Name = "model.morn.weight" } : t));
        }

        File.Copy(Path.Combine(folder["w"], "x.safetensors"), weights, overwrite: true);
        CheckReport report = CheckpointCheck.Run(path);
        Assert.Equal(ExitCode.CheckFailed, report.ExitCode);
        Assert.Equal(
            ["lm_head.weight", "model.morn.weight", "model.norm.weight", "model/model.safetensors"],
            report.Lines.Where(line => line.WasMade && !line.Held).Select(line => line.Name).Order());
    }

    [SharedFact("models/stories260K", "models/tokenizers/llama")]
    public void ATokenizerWithMoreIdsThanTheModelIsFound()
    {
        using TemporaryFolder folder = new();
        Conversion.Convert(SharedFiles.Path("models/stories260K"), folder["m"], DType.F32, long.MaxValue);
        foreach (string name in (string[])["tokenizer.model", "tokenizer_config.json"])
        {
            File.WriteAllBytes(Path.Combine(folder["m"], name), File.ReadAllBytes(SharedFiles.Path($"models/tokenizers/llama/{name}")));
        }

        CheckReport report = CheckpointCheck.Run(folder["m"]);
        Assert.Equal("32000 ids, the model has 512", report.Lines.Single(line => line.WasMade && !line.Held).Note);
    }

    private static ByteSource OneValue(float value) => (offset, bytes) =>
    {
        bytes.Clear();
        if (offset == 0)
        {
            MemoryMarshal.Write(bytes, in value);
        }
    };
}
