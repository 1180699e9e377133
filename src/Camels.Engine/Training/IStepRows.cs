using Camels.Engine.Data;

namespace Camels.Engine.Training;

/// <summary>The rows of every optimizer step of a run, as a function of the step: resuming needs nothing but the step's number.</summary>
public interface IStepRows
{
    /// <summary>Tokens of the longest row that will ever come.</summary>
    int LongestRow { get; }

    /// <summary>The largest number of trained tokens of a row.</summary>
    int MostTrainedInARow { get; }

    /// <summary>Number of rows of a step (counted from 0); the same for all steps but the last of an epoch.</summary>
    int RowsInStep(long step);

    /// <summary>One row of a step. Reading it allocates nothing.</summary>
    PackedRow Row(long step, int rowInStep);
}

/// <summary>The rows of prepared data in the run's order.</summary>
/// <param name="data">The rows.</param>
/// <param name="loader">The order.</param>
public sealed class PreparedRows(PreparedData data, BatchLoader loader) : IStepRows
{
    /// <inheritdoc/>
    public int LongestRow => data.LongestRow;

    /// <inheritdoc/>
    public int MostTrainedInARow => data.MostTrainedInARow;

    /// <inheritdoc/>
    public int RowsInStep(long step) => loader.RowsInStep(step);

    /// <inheritdoc/>
    public PackedRow Row(long step, int rowInStep) => data.Row(loader.RowIndex(step, rowInStep));
}
