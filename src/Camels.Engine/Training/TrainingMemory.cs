using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Kernels;

namespace Camels.Engine.Training;

/// <summary>Gives a model's units what training them takes, in a plan as in a run.</summary>
internal static class TrainingMemory
{
    /// <summary>
    /// Allocates masters, moments and gradients. Returns the gradient slab that units share where the recipe is fused, for the caller to dispose of: as
    /// large as the largest unit's, which is a block's where blocks are larger than the vocabulary. A tied weight's gradient is summed from
    /// the head to the embedding, so its unit has a slab of its own.
    /// </summary>
    public static DeviceMemory? Allocate(ILanguageModel model, Device device, TrainingRecipe training, int calls)
    {
        DeviceMemory? shared = training.Fused
            ? DeviceMemory.Allocate(device, model.Units.Where(Shares).Max(u => u.GradientElements) * model.Precision.Wide.Bytes())
            : null;
        MomentStorage moments = training.Optimizer == OptimizerKind.Sgd ? MomentStorage.None : training.Adam.Moments;
        foreach (ParameterUnit unit in model.Units)
        {
            unit.AllocateTraining(LaneSum.LevelsFor(calls), moments, Shares(unit) ? shared : null);
        }

        return shared;
    }

    private static bool Shares(ParameterUnit unit) => unit.Parameters.All(p => p.TiedTo is null);
}
