using System.Numerics;
using Camels.Engine.Data;

namespace Camels.Engine.Training;

/// <summary>What a trainer needs of a recipe.</summary>
/// <param name="Training">Optimizer and batch.</param>
/// <param name="Lanes">Rows whose gradients are summed as one tree, V.</param>
/// <param name="LanesPerCall">Lanes that go through the model together; 0 for all.</param>
/// <param name="Steps">Steps of the run, which the learning rate's course needs.</param>
/// <param name="Recompute">Whether the backward computes each block's activations again.</param>
public sealed record TrainerSettings(TrainingRecipe Training, int Lanes, int LanesPerCall, long Steps, bool Recompute = false)
{
    /// <summary>The most tokens of a call: operators number them in 32 bits, and tables on the host are as long.</summary>
    public const int MostTokensAtOnce = 1 << 26;

    /// <summary>The settings of a run of so many steps.</summary>
    public static TrainerSettings Of(Recipe recipe, long steps) => new(
        recipe.Data.Compatibility == Compatibility.OpenInstruct2023 ? recipe.Training with { LossReduction = LossReduction.MicroBatchMean } : recipe.Training,
        recipe.Sharding.Lanes, recipe.Sharding.LanesPerCall, steps, recipe.Recompute);

    /// <summary>Lanes of a call.</summary>
    public int LanesAtOnce => LanesPerCall == 0 ? Lanes : LanesPerCall;

    /// <summary>Calls of a micro-step.</summary>
    public int Calls => Lanes / LanesAtOnce;

    /// <summary>The most rows of a call.</summary>
    public int RowsAtOnce => Math.Min(LanesAtOnce, Training.BatchSize);

    /// <summary>Tokens of a call whose rows have so many.</summary>
    /// <exception cref="CamelsException">More than <see cref="MostTokensAtOnce"/>: exit code 2.</exception>
    public int TokensAtOnce(int tokensOfARow) => (long)RowsAtOnce * tokensOfARow <= MostTokensAtOnce
        ? RowsAtOnce * tokensOfARow
        : throw CamelsException.Usage(
            $"{RowsAtOnce} rows of {tokensOfARow} tokens are computed at once, and {MostTokensAtOnce:N0} tokens are the most: lower data.sequence_length or "
            + "sharding.lanes_per_call");

    /// <summary>Refuses what cannot be run together.</summary>
    /// <exception cref="CamelsException">The keys and what would be accepted: exit code 2.</exception>
    public void Check()
    {
        if (!BitOperations.IsPow2(Lanes) || !BitOperations.IsPow2(LanesAtOnce) || LanesAtOnce > Lanes)
        {
            throw CamelsException.Usage($"sharding.lanes {Lanes} and lanes_per_call {LanesAtOnce} must be powers of two, the second not above the first");
        }

        if (Training.Fused && (Calls > 1 || Training.BatchSize > Lanes))
        {
            throw CamelsException.Usage(
                $"training.fused: a step must be one micro-step: batch_size {Training.BatchSize} at most sharding.lanes {Lanes}, and lanes_per_call 0; "
                + "more lanes take more rows at once");
        }
    }
}
