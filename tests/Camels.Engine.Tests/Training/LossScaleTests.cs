using Camels.Engine.Layers;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Tests.Models;
using Camels.Engine.Training;
using Camels.Kernels;
using Xunit;

namespace Camels.Engine.Tests.Training;

/// <summary>fp16: a step that overflows leaves everything as it was but the loss scale, which is halved.</summary>
public sealed class LossScaleTests : IDisposable
{
    private readonly Device _device = Device.OpenCpu(threads: 2);
    private readonly List<IDisposable> _owned = [];

    public void Dispose()
    {
        foreach (IDisposable owned in _owned)
        {
            owned.Dispose();
        }

        _device.Dispose();
    }

    [Fact]
    public void An_injected_overflow_leaves_the_state_untouched_and_halves_the_scale()
    {
        Trainer trainer = NewTrainer(initialExponent: 10);
        Trainer undisturbed = NewTrainer(initialExponent: 10);
        for (int step = 0; step < 2; step++)
        {
            Assert.True(trainer.Step().IsFinite);
            Assert.True(undisturbed.Step().IsFinite);
        }

        Pass quiet = trainer.Pass;
        trainer.Pass = new Pass(quiet.Stream, quiet.Arena, quiet.Precision, quiet.Batch)
        {
            Observer = (name, tensor) =>
            {
                if (name == "embedding.gradient")
                {
                    tensor.AsSpan<Half>()[1] = Half.PositiveInfinity;
                }
            },
        };
        StepResult skipped = trainer.Step();
        Assert.False(skipped.IsFinite);
        Assert.Equal(1024, skipped.LossScale);
        Assert.Equal(512, trainer.LossScale!.Factor);
        Assert.Equal(2, trainer.StepsDone);
        Assert.Equal(State(undisturbed), State(trainer));
        Assert.All(trainer.Optimizer.Parameters, p => Assert.Equal(-1, p.Gradient.AsSpan<float>().IndexOfAnyExcept(0f)));

        trainer.Pass = quiet;
        StepResult again = trainer.Step();
        Assert.True(again.IsFinite);
        Assert.Equal((3, 512, 1), (again.Step, again.LossScale, again.Skipped));
        Assert.Equal(0, trainer.LossScale.SkippedInARow);
        Assert.Equal(undisturbed.Step().Loss, again.Loss);
    }

    [Fact]
    public void A_scale_that_is_too_large_falls_until_the_step_fits_and_leaves_no_trace()
    {
        Trainer falling = NewTrainer(initialExponent: 40);
        StepResult result = falling.Step();
        int overflows = 0;
        for (; !result.IsFinite; overflows++)
        {
            result = falling.Step();
        }

        Assert.InRange(overflows, 5, 40);
        Assert.Equal(overflows, result.Skipped);
        Trainer fitting = NewTrainer(initialExponent: 40 - overflows);
        Assert.True(fitting.Step().IsFinite);
        Assert.Equal(State(fitting), State(falling));
    }

    [Fact]
    public void Good_steps_double_the_scale_up_to_a_limit()
    {
        LossScale scale = new(new LossScaleRecipe { InitialExponent = 22, GrowthSteps = 3 });
        double[] factors = [.. Enumerable.Range(0, 12).Select(_ =>
        {
            scale.Applied();
            return Math.Log2(scale.Factor);
        })];
        Assert.Equal([22, 22, 23, 23, 23, 24, 24, 24, 24, 24, 24, 24], factors);

        scale.Overflowed();
        scale.Applied();
        scale.Applied();
        scale.Overflowed();
        Assert.Equal((22L, 0L, 1L), scale.State);
    }

    [Theory]
    [InlineData("bf16")]
    [InlineData("fp32")]
    public void Other_precisions_have_no_scale(string precision) =>
        Assert.Null(NewTrainer(initialExponent: 10, RecipeNames.Precisions[precision]).Step().LossScale);

    [Fact]
    public void Training_in_fp16_follows_training_in_fp32()
    {
        Trainer half = NewTrainer(initialExponent: 16);
        Trainer single = NewTrainer(initialExponent: 16, Precision.Fp32);
        for (int step = 0; step < 10; step++)
        {
            double loss = half.Step().Loss;

            // Half precision rounds by 2^-11 here and there; a loss of 4 does not move by more than a few times that.
            Assert.InRange(loss - single.Step().Loss, -0.01, 0.01);
        }
    }

    private Trainer NewTrainer(int initialExponent, Precision? precision = null)
    {
        ILanguageModel model = TinyLlama.Create(_device, precision ?? Precision.Fp16);
        TestRows rows = new(TinyLlama.Documents(count: 40, longest: 24), documentsPerRow: 2, batchSize: 6);
        TrainingRecipe recipe = TinyLlama.Recipe(batchSize: 6) with { LossScale = new LossScaleRecipe { InitialExponent = initialExponent } };
        Trainer trainer = new(model, _device, new TrainerSettings(recipe, Lanes: 4, LanesPerCall: 2, Steps: 20), rows, sources: 2);
        _owned.Add(trainer);
        _owned.Add(model);
        return trainer;
    }

    private static byte[] State(Trainer trainer) => [.. trainer.Optimizer.Parameters.SelectMany(p =>
        (byte[])[.. Bytes(p.Weight), .. Bytes(p.Master), .. Bytes(p.FirstMoment), .. Bytes(p.SecondMoment)])];

    private static unsafe byte[] Bytes(Tensor tensor) => new ReadOnlySpan<byte>((void*)tensor.Address, (int)tensor.Bytes).ToArray();
}
