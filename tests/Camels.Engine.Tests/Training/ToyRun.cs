using Camels.Engine.Checkpoints;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Tests.Checkpoints;
using Camels.Engine.Tests.Models;
using Camels.Engine.Training;
using Camels.Kernels;
using Xunit;

namespace Camels.Engine.Tests.Training;

/// <summary>A few steps of a tiny model, with several micro-steps and absent lanes: what must not change a bit is changed by `with`.</summary>
internal sealed record ToyRun(string Model, string PrecisionName)
{
    private const int MostTries = 60;

    /// <summary>In fp16 the first steps overflow, and the scale grows again.</summary>
    public TrainingRecipe Recipe { get; init; } =
        TinyLlama.Recipe(batchSize: 6) with { LossScale = new LossScaleRecipe { InitialExponent = 30, GrowthSteps = 2 } };

    public AdapterSettings? Adapter { get; init; }

    public int Steps { get; init; } = 5;

    public int Threads { get; init; } = 2;

    public int LanesPerCall { get; init; }

    public bool Recompute { get; init; }

    public ulong Seed { get; init; } = 7;

    /// <summary>Every step is done by a new model and trainer that know the checkpoint of the one before and nothing else.</summary>
    public bool ResumesEveryStep { get; init; }

    private Precision Precision => RecipeNames.Precisions[PrecisionName];

    /// <summary>Asserts that another run ends in this one's bytes.</summary>
    public void RequireSameBits(ToyRun other) => Assert.True(Bytes().AsSpan().SequenceEqual(other.Bytes()), $"{this}\nand {other} differ");

    /// <summary>The bytes of every loss, norm, master, weight and moment at the end.</summary>
    public byte[] Bytes()
    {
        using Device device = Device.OpenCpu(Threads);
        using TemporaryFolder folder = new();
        CheckpointWriter writer = new(folder["checkpoints"], keep: 1);
        List<byte> bytes = [];
        for (int done = 0; done < Steps;)
        {
            // What a checkpoint holds is different before it is read: nothing may come from elsewhere.
            using ILanguageModel model = Create(device, isResumed: done > 0);
            using Trainer trainer = NewTrainer(model, device);
            if (done > 0)
            {
                using TrainingState checkpoint = TrainingState.OpenNewest(folder["checkpoints"], Assert.Fail)!;
                RunState.Restore(trainer, checkpoint);
            }

            done = ResumesEveryStep ? done + 1 : Steps;
            Step(trainer, done, bytes);
            if (done < Steps)
            {
                _ = writer.Save(RunState.ToWrite(trainer, ModelWeights.ToWrite(model, companionFolder: null), RunState.OriginOf(device, "recipe", "data", "base")));
            }
            else
            {
                bytes.AddRange(trainer.Optimizer.Parameters.SelectMany(StateOf));
            }
        }

        return [.. bytes];
    }

    private ILanguageModel Create(Device device, bool isResumed) => Adapter is null
        ? TinyModels.Create(Model, device, Precision, isResumed ? Seed + 1 : Seed)
        : TinyModels.CreateAdapted(Model, Adapter, device, Precision, isResumed ? Seed + 1 : Seed);

    private Trainer NewTrainer(ILanguageModel model, Device device)
    {
        TestRows rows = new(TinyLlama.Documents(count: 40, longest: 24), documentsPerRow: 2, Recipe.BatchSize);
        Trainer trainer = new(model, device, new TrainerSettings(Recipe, Lanes: 4, LanesPerCall, Steps: 20, Recompute), rows, sources: 2);
        trainer.Pass.Arena.Poisoned = true;
        return trainer;
    }

    // Steps that overflow count: how often they were tried is part of the result.
    private static void Step(Trainer trainer, int until, List<byte> bytes)
    {
        for (int tries = 0; trainer.StepsDone < until; tries++)
        {
            Assert.InRange(tries, 0, MostTries);
            StepResult result = trainer.Step();
            Assert.True(result.IsFinite || trainer.LossScale is not null, $"step {result.Step} is not finite");
            bytes.AddRange(BitConverter.GetBytes(result.Loss));
            bytes.AddRange(BitConverter.GetBytes(result.GradientNorm));
            bytes.AddRange(BitConverter.GetBytes(result.LossScale ?? 1));
        }
    }

    private static byte[] StateOf(Parameter parameter) =>
    [
        .. BytesOf(parameter.Master), .. BytesOf(parameter.Weight), .. BytesOf(parameter.FirstMoment), .. BytesOf(parameter.SecondMoment),
        .. BytesOf(parameter.FirstMomentScales), .. BytesOf(parameter.SecondMomentScales),
    ];

    private static unsafe byte[] BytesOf(Tensor tensor) =>
        tensor.IsNone ? [] : new ReadOnlySpan<byte>((void*)tensor.Address, (int)tensor.Bytes).ToArray();
}
