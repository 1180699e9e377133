namespace Camels.Engine.Training;

/// <summary>The learning rate as a pure function of the optimizer step, as transformers' schedulers define it.</summary>
/// <param name="Kind">The course after warming up.</param>
/// <param name="Peak">The highest learning rate.</param>
/// <param name="WarmupSteps">Steps of linear rise from 0.</param>
/// <param name="Steps">Steps of the run.</param>
/// <param name="LowestRatio">The course ends at this share of the peak.</param>
public sealed record LearningRate(ScheduleKind Kind, double Peak, long WarmupSteps, long Steps, double LowestRatio)
{
    /// <summary>The schedule of a recipe over <paramref name="steps"/> steps.</summary>
    public static LearningRate Of(TrainingRecipe recipe, long steps) => new(
        recipe.Schedule, recipe.LearningRate, recipe.WarmupSteps ?? (long)Math.Ceiling(steps * recipe.WarmupRatio), steps,
        recipe.MinLearningRateRatio);

    /// <summary>The learning rate of a step; the first is 0.</summary>
    public double At(long step)
    {
        if (step < WarmupSteps)
        {
            return Peak * step / Math.Max(1, WarmupSteps);
        }

        double progress = (double)(step - WarmupSteps) / Math.Max(1, Steps - WarmupSteps);
        double factor = Kind switch
        {
            ScheduleKind.Linear => Math.Max(0, 1 - progress),
            ScheduleKind.Cosine => Math.Max(0, 0.5 * (1 + Math.Cos(Math.PI * progress))),
            _ => 1,
        };
        return Peak * (LowestRatio + ((1 - LowestRatio) * factor));
    }
}
