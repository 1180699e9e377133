using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Tests.Models;
using Camels.Engine.Training;
using Camels.Kernels;
using Camels.Kernels.Ops;
using Xunit;

namespace Camels.Engine.Tests.Training;

/// <summary>Moments in 16 and in 8 bits: less memory, nearly the same course, the same bits whoever computes.</summary>
public class MomentStorageTests
{
    [Theory]
    [InlineData(MomentStorage.Bf16, 4)]
    [InlineData(MomentStorage.EightBit, 2)]
    public void The_plan_counts_what_moments_take(MomentStorage moments, int bytesPerWeight)
    {
        ModelConfig config = TinyLlama.Config() with { HiddenSize = 256, IntermediateSize = 512, HeadCount = 4, KeyValueHeadCount = 4, HeadSize = 64 };
        MemoryPlan Plan(MomentStorage storage) => MemoryPlan.ForTraining(
            config, Precision.Bf16, tokens: 16, trainedTokens: 8, lanes: 1, calls: 1, recompute: false, new TrainingRecipe { Adam = new AdamRecipe { Moments = storage } });
        long weights = config.ParameterCount();
        long saved = Plan(MomentStorage.Wide).ParameterBytes - Plan(moments).ParameterBytes;

        // Scales of blocks are at most one for every 1000 weights here, and slabs are aligned.
        Assert.InRange(saved, (8 - bytesPerWeight - 0.01) * weights, (8 - bytesPerWeight + 0.01) * weights);
    }

    [Theory]
    [InlineData(MomentStorage.Bf16)]
    [InlineData(MomentStorage.EightBit)]
    public void The_loss_falls_as_with_singles(MomentStorage moments)
    {
        List<double> expected = Losses(MomentStorage.Wide);
        List<double> losses = Losses(moments);
        Assert.True(expected[^1] < 0.8 * expected[0], "the toy run does not learn");

        // No loss is farther from its counterpart than a tenth of what the run learns.
        double largest = expected.Zip(losses, (a, b) => Math.Abs(a - b)).Max();
        Assert.InRange(largest, 0, 0.1 * (expected[0] - expected[^1]));
    }

    [Theory]
    [InlineData(MomentStorage.Bf16)]
    [InlineData(MomentStorage.EightBit)]
    public void Threads_and_lanes_per_call_do_not_change_a_bit(MomentStorage moments)
    {
        ToyRun wide = new("llama", "bf16");
        ToyRun run = wide with { Recipe = wide.Recipe with { Adam = new AdamRecipe { Moments = moments } } };
        run.RequireSameBits(run with { Threads = 1 });
        run.RequireSameBits(run with { LanesPerCall = 1 });
        Assert.NotEqual(wide.Bytes(), run.Bytes());
    }

    // Rounded to nearest it would not move at all: 0.1 % is less than half a step of bfloat16.
    [Fact]
    public void A_second_moment_in_bf16_decays()
    {
        using Device device = Device.OpenCpu(threads: 1);
        using ParameterUnit unit = new("test", Precision.Fp32);
        Parameter parameter = unit.Add("w", 300_000);
        unit.Allocate(device);
        unit.AllocateTraining(gradientLevels: 0, MomentStorage.Bf16);
        parameter.SecondMoment.AsSpan<BFloat16>().Fill((BFloat16)1f);
        using DeviceMemory memory = DeviceMemory.Allocate(device, AdamW.NarrowWorkspaceElements(device) * sizeof(float));
        Tensor workspace = memory.View(0, DType.F32, AdamW.NarrowWorkspaceElements(device));
        NarrowMoments moments = new(parameter.FirstMoment, parameter.SecondMoment, parameter.FirstMomentScales, parameter.SecondMomentScales);
        for (uint step = 1; step <= 20; step++)
        {
            AdamW.UpdateNarrow(device.Stream, parameter.Weight, parameter.Master, moments, parameter.Gradient, workspace, seed: step, new AdamWSettings
            {
                LearningRate = 0,
                Beta1 = 0.9,
                Beta2 = 0.999,
                Epsilon = 1e-8,
                WeightDecay = 0,
                GradientScale = 1,
                Step = (int)step,
            });
        }

        double mean = 0;
        foreach (BFloat16 v in parameter.SecondMoment.AsSpan<BFloat16>())
        {
            mean += (double)v / parameter.Elements;
        }

        Assert.InRange(mean, Math.Pow(0.999, 20) - 1e-4, Math.Pow(0.999, 20) + 1e-4);
    }

    private static List<double> Losses(MomentStorage moments)
    {
        const int Steps = 60;
        using Device device = Device.OpenCpu(threads: 2);
        using ILanguageModel model = TinyLlama.Create(device, Precision.Bf16);
        TestRows rows = new(TinyLlama.Documents(count: 12, longest: 24), documentsPerRow: 2, batchSize: 6);
        TrainingRecipe recipe = TinyLlama.Recipe(batchSize: 6) with { Adam = new AdamRecipe { Moments = moments } };
        using Trainer trainer = new(model, device, new TrainerSettings(recipe, Lanes: 4, LanesPerCall: 0, Steps), rows, sources: 2);
        return [.. Enumerable.Range(0, Steps).Select(_ => trainer.Step().Loss)];
    }
}
