using System.Globalization;
using Camels.Engine.Layers;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Training;

/// <summary>
/// Bytes of device memory that training takes, by what for. Measured, not estimated: the model's own layers run on a planning device, which
/// computes nothing and counts what the arena lends.
/// </summary>
/// <param name="ParameterBytes">Weights, masters, moments and gradients.</param>
/// <param name="ActivationBytes">The arena of a pass.</param>
/// <param name="BatchBytes">Token ids, labels, bounds.</param>
public sealed record MemoryPlan(long ParameterBytes, long ActivationBytes, long BatchBytes)
{
    /// <summary>Of <see cref="ParameterBytes"/>, the weights that layers read.</summary>
    public long WeightBytes { get; init; }

    /// <summary>Of <see cref="ParameterBytes"/>, masters beside the weights.</summary>
    public long MasterBytes { get; init; }

    /// <summary>Of <see cref="ParameterBytes"/>, the optimizer's moments.</summary>
    public long MomentBytes { get; init; }

    /// <summary>Of <see cref="ParameterBytes"/>, what accumulated gradients take.</summary>
    public long GradientBytes { get; init; }

    /// <summary>The table of rotations, one row for each position of the model's context.</summary>
    public long TableBytes { get; init; }

    /// <summary>Of <see cref="ActivationBytes"/>, the loss head's workspace: logits of as many tokens as fit into it at a time.</summary>
    public long HeadBytes { get; init; }

    /// <summary>Parameters that are stepped, a tied one once.</summary>
    public long TrainedParameters { get; init; }

    /// <summary>Everything.</summary>
    public long TotalBytes => ParameterBytes + TableBytes + ActivationBytes + BatchBytes;

    /// <summary>What its parts are, in GB.</summary>
    public string Describe() => string.Create(
        CultureInfo.InvariantCulture,
        $"{TotalBytes / 1e9:F2} GB: weights {WeightBytes / 1e9:F2}, masters {MasterBytes / 1e9:F2}, moments {MomentBytes / 1e9:F2}, gradients {GradientBytes / 1e9:F2}, "
        + $"activations {ActivationBytes / 1e9:F2}");

    /// <summary>Plans a trainer's passes over rows of at most so many tokens and trained tokens.</summary>
    /// <exception cref="CamelsException">The settings cannot be run together: exit code 2.</exception>
    public static MemoryPlan ForTraining(ModelConfig config, Precision precision, TrainerSettings settings, int longestRow, int mostTrainedInARow)
    {
        settings.Check();
        return ForTraining(
            config, precision, settings.TokensAtOnce(longestRow), settings.TokensAtOnce(mostTrainedInARow), settings.LanesAtOnce, settings.Calls,
            settings.Recompute, settings.Training);
    }

    /// <summary>Plans passes of at most this many tokens, trained tokens and lanes.</summary>
    /// <param name="config">The model.</param>
    /// <param name="precision">Of its weights and activations.</param>
    /// <param name="tokens">The most tokens of a call.</param>
    /// <param name="trainedTokens">The most trained tokens of a call.</param>
    /// <param name="lanes">Lanes of a call.</param>
    /// <param name="calls">Calls of a micro-step.</param>
    /// <param name="recompute">Whether activations are computed again in the backward.</param>
    /// <param name="training">Optimizer, moments and whether gradients live no longer than until their step; null for the defaults.</param>
    public static MemoryPlan ForTraining(
        ModelConfig config, Precision precision, int tokens, int trainedTokens, int lanes, int calls, bool recompute,
        TrainingRecipe? training = null)
    {
        using Device planning = Device.OpenPlanning();
        using ILanguageModel model = ModelCatalog.Create(config, precision, planning);
        using DeviceMemory? sharedGradients = TrainingMemory.Allocate(model, planning, training ?? new TrainingRecipe(), calls);
        long sharedBytes = sharedGradients?.Bytes ?? 0;

        using TokenBatch batch = new(planning, tokens, lanes, precision.Wide);
        batch.Pretend(tokens, trainedTokens, lanes);
        using Arena arena = Arena.Measure(planning, "training");
        Pass pass = new(planning.Stream, arena, precision, batch) { Recompute = recompute, DropoutSeed = 0 };
        model.ForwardBackward(pass, pass.NewStatistic(trainedTokens));
        Parameter[] trained = [.. model.Units.SelectMany(u => u.Parameters).Where(p => p.IsTrained && p.TiedTo is null)];
        return new MemoryPlan(model.Units.Sum(u => u.Bytes) + sharedBytes, arena.PeakBytes, batch.Bytes)
        {
            WeightBytes = model.Units.Sum(u => u.WeightBytes),
            MasterBytes = model.Units.Sum(u => u.MasterBytes),
            MomentBytes = model.Units.Sum(u => u.MomentBytes),
            GradientBytes = model.Units.Sum(u => u.GradientBytes) + sharedBytes,
            TableBytes = model.TableBytes,
            HeadBytes = LossHead.WorkspaceElements(trainedTokens, config.EmbeddingWidth, config.VocabularySize) * precision.Wide.Bytes(),
            TrainedParameters = trained.Sum(p => p.Elements),
        };
    }

    /// <summary>Refuses what the device has no room for, before anything of it is allocated.</summary>
    /// <param name="device">Where training is to run.</param>
    /// <param name="alreadyTakenBytes">Of the plan, what is allocated already: the weights.</param>
    /// <exception cref="InsufficientMemoryException">What is needed and what is free.</exception>
    public void RequireRoom(Device device, long alreadyTakenBytes)
    {
        long freeBytes = device.FreeBytes;
        if (TotalBytes - alreadyTakenBytes > freeBytes)
        {
            throw new InsufficientMemoryException(string.Create(
                CultureInfo.InvariantCulture, $"training takes {Describe()}; {(freeBytes + alreadyTakenBytes) / 1e9:F2} GB are free on {device.Name}"));
        }
    }
}
