using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Tests.Models;
using Camels.Engine.Training;
using Camels.Kernels;
using Xunit;

namespace Camels.Engine.Tests.Training;

/// <summary>What must not change a bit of a training run: threads, lanes per call.</summary>
public class TrainerBitTests
{
    private const int Steps = 5;

    [Theory]
    [MemberData(nameof(TinyModels.Main), MemberType = typeof(TinyModels))]
    public void Threads_and_lanes_per_call_do_not_change_a_bit(string model)
    {
        foreach (string precision in (string[])["fp32", "bf16", "fp16"])
        {
            byte[] expected = Train(model, precision, threads: 2, lanesPerCall: 0);
            Assert.Equal(expected, Train(model, precision, threads: 1, lanesPerCall: 0));
            Assert.Equal(expected, Train(model, precision, threads: 2, lanesPerCall: 1));
            Assert.Equal(expected, Train(model, precision, threads: 2, lanesPerCall: 2));
        }
    }

    [Theory]
    [MemberData(nameof(TinyModels.Main), MemberType = typeof(TinyModels))]
    public void Recomputing_does_not_change_a_bit(string model) => Assert.Equal(
        Train(model, "bf16", threads: 2, lanesPerCall: 2), Train(model, "bf16", threads: 2, lanesPerCall: 2, recompute: true));

    [Fact]
    public void Recomputing_does_not_change_a_bit_in_fp16() => Assert.Equal(
        Train("llama", "fp16", threads: 2, lanesPerCall: 2), Train("llama", "fp16", threads: 2, lanesPerCall: 2, recompute: true));

    [Fact]
    public void Another_seed_gives_another_result() =>
        Assert.NotEqual(Train("llama tied", "fp32", threads: 1, lanesPerCall: 0), Train("llama tied", "fp32", threads: 1, lanesPerCall: 0, seed: 8));

    // The bytes of every loss, norm and master after a few steps of several micro-steps with absent lanes.
    private static byte[] Train(string name, string precisionName, int threads, int lanesPerCall, ulong seed = 7, bool recompute = false)
    {
        Precision precision = RecipeNames.Precisions[precisionName];
        using Device device = Device.OpenCpu(threads);
        using ILanguageModel model = TinyModels.Create(name, device, precision, seed);
        TestRows rows = new(TinyLlama.Documents(count: 40, longest: 24), documentsPerRow: 2, batchSize: 6);
        TrainerSettings settings = new(TinyLlama.Recipe(batchSize: 6), Lanes: 4, lanesPerCall, Steps, recompute);
        using Trainer trainer = new(model, device, settings, rows, sources: 2);
        trainer.Pass.Arena.Poisoned = true;
        List<byte> bytes = [];
        for (int step = 0; step < Steps; step++)
        {
            StepResult result = trainer.Step();
            Assert.True(result.IsFinite, $"step {result.Step} is not finite");
            bytes.AddRange(BitConverter.GetBytes(result.Loss));
            bytes.AddRange(BitConverter.GetBytes(result.GradientNorm));
        }

        foreach (Parameter parameter in trainer.Optimizer.Parameters)
        {
            bytes.AddRange(System.Runtime.InteropServices.MemoryMarshal.AsBytes(parameter.Master.AsSpan<float>()));
        }

        return [.. bytes];
    }
}
