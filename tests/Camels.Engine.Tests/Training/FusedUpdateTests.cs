using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Tests.Models;
using Camels.Engine.Training;
using Camels.Kernels;
using Xunit;

namespace Camels.Engine.Tests.Training;

/// <summary>Stepping each block as soon as its gradients are whole: the same bits, and the gradients of one block.</summary>
[Collection("alone")]
public class FusedUpdateTests
{
    private const int Batch = 4;

    private static readonly TrainingRecipe _sgd = TinyLlama.Recipe(Batch) with { Optimizer = OptimizerKind.Sgd, LearningRate = 0.05 };

    [Theory]
    [MemberData(nameof(TinyModels.Main), MemberType = typeof(TinyModels))]
    public void Fused_steps_have_the_bits_of_separate_ones(string model)
    {
        foreach (Precision precision in (Precision[])[Precision.Fp32, Precision.Bf16, Precision.Fp16])
        {
            SameBits(model, precision, TinyLlama.Recipe(Batch));
        }

        SameBits(model, Precision.Bf16, _sgd);
        SameBits(model, Precision.Bf16, _sgd with { ClipNorm = 0, ClipValue = 1e-3 });
    }

    [Fact]
    public void Overflows_and_moments_of_8_bits_do_not_change_that()
    {
        TrainingRecipe overflowing = TinyLlama.Recipe(Batch) with { LossScale = new LossScaleRecipe { InitialExponent = 30, GrowthSteps = 2 } };
        SameBits("llama", Precision.Fp16, overflowing);
        SameBits("llama", Precision.Fp16, _sgd with { ClipNorm = 0, ClipValue = 1e-3, LossScale = overflowing.LossScale });
        SameBits("llama", Precision.Bf16, TinyLlama.Recipe(Batch) with { Adam = new AdamRecipe { Moments = MomentStorage.EightBit } });
    }

    [Fact]
    public void Only_clipping_by_value_takes_one_pass()
    {
        using Device device = Device.OpenCpu(threads: 1);
        bool TakesTwo(TrainingRecipe recipe, Precision precision)
        {
            using ILanguageModel model = TinyLlama.Create(device, precision);
            using Trainer trainer = NewTrainer(model, device, recipe with { Fused = true });
            int passes = 0;
            trainer.Pass = new Camels.Engine.Layers.Pass(trainer.Pass.Stream, trainer.Pass.Arena, trainer.Pass.Precision, trainer.Pass.Batch)
            {
                GradientsDone = trainer.Pass.GradientsDone,
                Observer = (name, _) => passes += name == "embedding.gradient" ? 1 : 0,
            };
            Assert.True(trainer.Step().IsFinite);
            return passes == 2;
        }

        Assert.True(TakesTwo(TinyLlama.Recipe(Batch), Precision.Bf16));
        Assert.True(TakesTwo(_sgd with { ClipNorm = 0 }, Precision.Bf16));
        Assert.True(TakesTwo(_sgd with { ClipNorm = 0, ClipValue = 1 }, Precision.Fp16));
        Assert.False(TakesTwo(_sgd with { ClipNorm = 0, ClipValue = 1 }, Precision.Bf16));
    }

    [Fact]
    public void Gradients_take_the_memory_of_one_block()
    {
        ModelConfig config = TinyLlama.Config() with { BlockCount = 6 };
        long Taken(TrainingRecipe recipe, out MemoryPlan plan, out long blockBytes)
        {
            using Device device = Device.OpenCpu(threads: 1);
            using ILanguageModel model = ModelCatalog.Create(config, Precision.Bf16, device);
            long before = DeviceMemory.LiveBytes;
            using Trainer trainer = NewTrainer(model, device, recipe);
            plan = trainer.Plan;
            blockBytes = model.Units[1].GradientElements * sizeof(float);
            return DeviceMemory.LiveBytes - before;
        }

        long separate = Taken(_sgd, out MemoryPlan planned, out _);
        long fused = Taken(_sgd with { Fused = true }, out MemoryPlan plannedFused, out long block);
        Assert.Equal(block, plannedFused.GradientBytes);
        Assert.True(planned.GradientBytes > 6 * block, "the model's gradients are not six blocks");
        Assert.Equal(planned.GradientBytes - block, separate - fused);
        Assert.Equal(planned.TotalBytes - plannedFused.TotalBytes, separate - fused);
    }

    [Fact]
    public void Sgd_keeps_no_state()
    {
        long weights = TinyLlama.Config().ParameterCount();
        long Bytes(TrainingRecipe recipe) => MemoryPlan.ForTraining(
            TinyLlama.Config(), Precision.Fp32, tokens: 16, trainedTokens: 8, lanes: 1, calls: 1, recompute: false, recipe).ParameterBytes;
        Assert.InRange(Bytes(TinyLlama.Recipe(Batch)) - Bytes(_sgd), 8 * weights, 9 * weights);
    }

    [Fact]
    public void One_pass_steps_by_nothing_that_is_not_finite()
    {
        using Device device = Device.OpenCpu(threads: 1);
        using ILanguageModel model = TinyLlama.Create(device, Precision.Fp32);
        using Trainer trainer = NewTrainer(model, device, _sgd with { Fused = true, LearningRate = 1e30, ClipNorm = 0, ClipValue = 1e-3 });
        StepResult result = trainer.Step();
        for (int step = 1; step < 4 && result.IsFinite; step++)
        {
            result = trainer.Step();
        }

        Assert.False(result.IsFinite);
        Assert.True(result.MayBePartlyApplied);
        Assert.All(trainer.Optimizer.Parameters, p => Assert.DoesNotContain(p.Master.AsSpan<float>().ToArray(), float.IsNaN));
    }

    [Fact]
    public void More_rows_than_a_micro_step_takes_are_refused()
    {
        using Device device = Device.OpenCpu(threads: 1);
        using ILanguageModel model = TinyLlama.Create(device, Precision.Fp32);
        CamelsException refused = Assert.Throws<CamelsException>(() => NewTrainer(model, device, _sgd with { Fused = true, BatchSize = 5 }));
        Assert.Equal(ExitCode.Usage, refused.Code);
        Assert.Contains("batch_size 5", refused.Message);
    }

    private static void SameBits(string model, Precision precision, TrainingRecipe recipe)
    {
        ToyRun separate = new(model, precision.Name) { Recipe = recipe, Steps = 4 };
        separate.RequireSameBits(separate with { Recipe = recipe with { Fused = true } });
    }

    private static Trainer NewTrainer(ILanguageModel model, Device device, TrainingRecipe recipe)
    {
        TestRows rows = new(TinyLlama.Documents(count: 40, longest: 24), documentsPerRow: 2, Batch);
        return new Trainer(model, device, new TrainerSettings(recipe, Lanes: 4, LanesPerCall: 0, Steps: 20), rows, sources: 2);
    }
}
