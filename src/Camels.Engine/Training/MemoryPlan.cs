using Camels.Engine.Layers;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Kernels;

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
    /// <summary>Of <see cref="ParameterBytes"/>, what accumulated gradients take.</summary>
    public long GradientBytes { get; init; }

    /// <summary>Everything.</summary>
    public long TotalBytes => ParameterBytes + ActivationBytes + BatchBytes;

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
        return new MemoryPlan(model.Units.Sum(u => u.Bytes) + sharedBytes, arena.PeakBytes, batch.Bytes)
        {
            GradientBytes = model.Units.Sum(u => u.GradientBytes) + sharedBytes,
        };
    }

    /// <summary>Refuses what the device has no room for, before anything of it is allocated.</summary>
    /// <param name="device">Where training is to run.</param>
    /// <param name="alreadyTakenBytes">Of the plan, what is allocated already: the weights.</param>
    /// <exception cref="InsufficientMemoryException">What is needed, what is free and what to do.</exception>
    public void RequireRoom(Device device, long alreadyTakenBytes)
    {
        long freeBytes = device.FreeBytes;
        if (TotalBytes - alreadyTakenBytes > freeBytes)
        {
            string remedy = ActivationBytes > TotalBytes / 8
                ? "recompute: block, a smaller data.sequence_length or fewer rows at once (sharding.lanes_per_call) take less"
                : "weights, masters, moments and gradients alone are nearly all of it: take a smaller model or a GPU with more memory";
            throw new InsufficientMemoryException(
                $"training takes {TotalBytes / 1e9:N2} GB on {device.Name} ({ParameterBytes / 1e9:N2} for weights, masters, moments and gradients, "
                + $"{ActivationBytes / 1e9:N2} for activations), {(freeBytes + alreadyTakenBytes) / 1e9:N2} GB are free: {remedy}");
        }
    }
}
