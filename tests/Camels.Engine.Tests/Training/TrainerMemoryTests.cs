using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Tests.Models;
using Camels.Engine.Training;
using Camels.Kernels;
using Xunit;

namespace Camels.Engine.Tests.Training;

/// <summary>Memory is planned: after the first step nothing is allocated.</summary>
[Collection("alone")]
public class TrainerMemoryTests
{
    [Theory]
    [InlineData("fp32", "fp32")]
    [InlineData("bf16", "bf16")]
    [InlineData("fp16", "8bit")]
    public void A_step_allocates_neither_managed_nor_device_memory(string precisionName, string moments)
    {
        Precision precision = RecipeNames.Precisions[precisionName];
        using Device device = Device.OpenCpu(threads: 2);
        using ILanguageModel model = TinyLlama.Create(device, precision);
        TestRows rows = new(TinyLlama.Documents(count: 24, longest: 24), documentsPerRow: 3, batchSize: 4);
        TrainingRecipe recipe = TinyLlama.Recipe(batchSize: 4) with { Adam = new AdamRecipe { Moments = RecipeNames.Moments[moments] } };
        TrainerSettings settings = new(recipe, Lanes: 4, LanesPerCall: 2, Steps: 40);
        using Trainer trainer = new(model, device, settings, rows, sources: 2);
        _ = trainer.Step();
        _ = trainer.Step();
        _ = trainer.Step();

        // The workers' bytes can only be seen in those of the process, and there the test runner's timer allocates ten times a second: what
        // a step allocates shows in every one of them.
        long allocations = DeviceMemory.Allocations;
        long ownBefore = GC.GetAllocatedBytesForCurrentThread();
        long leastBytes = long.MaxValue;
        for (int step = 0; step < 20; step++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            _ = trainer.Step();
            leastBytes = Math.Min(leastBytes, GC.GetTotalAllocatedBytes(precise: true) - before);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - ownBefore);
        Assert.Equal(0, leastBytes);
        Assert.Equal(0, DeviceMemory.Allocations - allocations);
    }

    [Fact]
    public void Recomputing_takes_a_fraction_of_the_activations()
    {
        ModelConfig config = TinyLlama.Config() with { BlockCount = 12 };
        MemoryPlan Plan(bool recompute) => MemoryPlan.ForTraining(
            config, Precision.Bf16, tokens: 96, trainedTokens: 48, lanes: 4, calls: 1, recompute);
        Assert.InRange(Plan(recompute: true).ActivationBytes, 1, Plan(recompute: false).ActivationBytes / 4);
        Assert.Equal(Plan(recompute: false).ParameterBytes, Plan(recompute: true).ParameterBytes);
    }

    [Fact]
    public void A_vocabulary_of_256_000_words_takes_the_activations_of_one_of_32_000()
    {
        long Plan(int vocabulary) => MemoryPlan.ForTraining(
            TinyLlama.Config() with { VocabularySize = vocabulary }, Precision.Bf16, tokens: 2048, trainedTokens: 2048, lanes: 1, calls: 1, recompute: true)
            .ActivationBytes;
        Assert.Equal(Plan(32_000), Plan(256_000));

        // 128 MiB of logits, and activations of a model 18 channels wide.
        Assert.InRange(Plan(256_000), 128L << 20, 134L << 20);
    }

    // A context of millions of tokens has a table of rotations of 100 MB.
    [Theory]
    [InlineData(96)]
    [InlineData(1 << 22)]
    public void The_plan_is_what_training_takes(int positions)
    {
        using Device device = Device.OpenCpu(threads: 1);
        long before = DeviceMemory.LiveBytes;
        using ILanguageModel model = ModelCatalog.Create(TinyLlama.Config() with { MaximumPositions = positions }, Precision.Bf16, device);
        ModelCatalog.Randomize(model, device.Stream, seed: 7);
        TestRows rows = new(TinyLlama.Documents(count: 24, longest: 24), documentsPerRow: 3, batchSize: 4);
        using Trainer trainer = new(model, device, new TrainerSettings(TinyLlama.Recipe(batchSize: 4), Lanes: 4, LanesPerCall: 0, Steps: 20), rows, sources: 2);
        long fixedBytes = DeviceMemory.LiveBytes - before - trainer.Plan.TotalBytes;

        // Beside the plan: the block sums of the norm and the workers' packing panels.
        Assert.InRange(fixedBytes, 0, 64 << 20);
        _ = trainer.Step();

        // This step's rows are not the longest that may come.
        Assert.InRange(trainer.Pass.Arena.PeakBytes, trainer.Plan.ActivationBytes / 2, trainer.Plan.ActivationBytes);
    }
}

/// <summary>Tests that watch the whole process's memory do not run beside others.</summary>
[CollectionDefinition("alone", DisableParallelization = true)]
public class AloneCollection;
