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
    [InlineData("fp32")]
    [InlineData("bf16")]
    public void Threads_do_not_change_a_bit(string precision) =>
        Assert.Equal(Train(precision, threads: 1, lanesPerCall: 0), Train(precision, threads: 2, lanesPerCall: 0));

    [Theory]
    [InlineData("fp32", 1, true)]
    [InlineData("fp32", 2, true)]
    [InlineData("fp32", 1, false)]
    [InlineData("bf16", 2, false)]
    public void Lanes_per_call_do_not_change_a_bit(string precision, int lanesPerCall, bool tied) =>
        Assert.Equal(Train(precision, threads: 2, lanesPerCall: 4, tied), Train(precision, threads: 2, lanesPerCall, tied));

    [Fact]
    public void Another_seed_gives_another_result() =>
        Assert.NotEqual(Train("fp32", threads: 1, lanesPerCall: 0), Train("fp32", threads: 1, lanesPerCall: 0, tied: false, seed: 8));

    // The bytes of every loss, norm and master after a few steps of several micro-steps with absent lanes.
    private static byte[] Train(string precisionName, int threads, int lanesPerCall, bool tied = false, ulong seed = 7)
    {
        Precision precision = precisionName == "bf16" ? Precision.Bf16 : Precision.Fp32;
        using Device device = Device.OpenCpu(threads);
        using ILanguageModel model = TinyLlama.Create(device, precision, tied, seed);
        TestRows rows = new(TinyLlama.Documents(count: 40, longest: 24), documentsPerRow: 2, batchSize: 6);
        TrainerSettings settings = new(TinyLlama.Recipe(batchSize: 6), Lanes: 4, lanesPerCall, Steps);
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
