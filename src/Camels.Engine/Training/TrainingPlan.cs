using System.Globalization;
using Camels.Engine.Layers;
using Camels.Engine.Models;

namespace Camels.Engine.Training;

/// <summary>What a recipe's run takes on one device, known from the model's config alone: memory by what for, and work.</summary>
/// <param name="Recipe">The run.</param>
/// <param name="Config">Its model, with adapters and dropout as it is trained.</param>
/// <param name="Memory">As the trainer allocates it.</param>
/// <param name="LongestRow">Tokens of the longest row.</param>
/// <param name="MostTrainedInARow">The most trained tokens of a row.</param>
public sealed record TrainingPlan(Recipe Recipe, ModelConfig Config, MemoryPlan Memory, int LongestRow, int MostTrainedInARow)
{
    /// <summary>A forward of all rows is one unit; a backward is one for the inputs' gradients and one for the weights'.</summary>
    private const double PlainUnits = 3;

    private int BackwardUnits => TrainsAll ? 2 : 1;

    /// <summary>Plans a run over rows of at most so many tokens.</summary>
    /// <exception cref="CamelsException">Keys of the recipe cannot be run together: exit code 2.</exception>
    public static TrainingPlan Of(Recipe recipe, ModelConfig config, int longestRow, int mostTrainedInARow) => new(
        recipe, config, MemoryPlan.ForTraining(config, recipe.Precision, TrainerSettings.Of(recipe, steps: 0), longestRow, mostTrainedInARow),
        longestRow, mostTrainedInARow);

    /// <summary>True where no weight is frozen.</summary>
    public bool TrainsAll => Config.Adapter is null && Config.Trained is null;

    /// <summary>True where a step goes over its rows twice: a fused one that must know something of all gradients first.</summary>
    public bool TakesTwoPasses => Recipe.Training.Fused && FusedUpdate.NeedsTwoPasses(Recipe.Training, Recipe.Precision);

    /// <summary>How the optimizer's moments are kept, in a recipe's words.</summary>
    public string MomentType => Recipe.Training.Optimizer == OptimizerKind.Sgd ? "none" : RecipeNames.Of(RecipeNames.Moments, Recipe.Training.Adam.Moments);

    /// <summary>Work of a step, in that of a step which trains all weights, keeps its activations and goes over its rows once.</summary>
    public double Work => (1 + (Recipe.Recompute ? 1 : 0) + BackwardUnits) * (TakesTwoPasses ? 2 : 1) / PlainUnits;

    /// <summary>Multiplications and additions of a step whose rows are full, the repeated ones too.</summary>
    public double FlopsPerStep => ModelFlops.PerTrainedToken(Config, LongestRow) * Recipe.Training.BatchSize * LongestRow * Work;

    /// <summary>
    /// Operations that a token needs in documents of so many tokens, as model FLOP utilisation counts them: what is repeated to save memory is
    /// no work, and neither are gradients of frozen weights.
    /// </summary>
    public double UsefulFlopsPerToken(double documentTokens) =>
        ModelFlops.PerTrainedToken(Config, documentTokens) * (1 + BackwardUnits) / PlainUnits;

    /// <summary>Bytes of the key/value cache of so many tokens, as generating with the model takes them.</summary>
    public long CacheBytes(int tokens) =>
        KvCache.BytesOf(Recipe.Precision, Config.BlockCount, slots: 1, tokens, Config.KeyValueHeadCount * Config.HeadSize);

    /// <summary>Refuses what does not fit into so many bytes, and names the cheapest changes of the recipe with which it does.</summary>
    /// <param name="bytes">What is there.</param>
    /// <param name="place">Where.</param>
    /// <exception cref="CamelsException">It does not fit: exit code 2.</exception>
    public void RequireRoom(long bytes, string place)
    {
        if (Memory.TotalBytes > bytes)
        {
            throw CamelsException.Usage(string.Create(
                CultureInfo.InvariantCulture, $"training takes {Memory.Describe()}; {place} has {bytes / 1e9:F2} GB\n{MemoryRemedies.Describe(this, bytes)}"));
        }
    }
}
