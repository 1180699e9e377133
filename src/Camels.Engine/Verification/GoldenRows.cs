using Camels.Engine.Data;
using Camels.Engine.Training;

namespace Camels.Engine.Verification;

/// <summary>Golden batches as the rows of optimizer steps: batch s is step s.</summary>
public sealed class GoldenRows(IReadOnlyList<GoldenRow[]> batches) : IStepRows
{
    private static readonly int[] _oneSource = [0];

    /// <inheritdoc/>
    public int LongestRow => batches.Max(b => b.Max(r => r.Ids.Length));

    /// <inheritdoc/>
    public int MostTrainedInARow => LongestRow;

    /// <inheritdoc/>
    public int RowsInStep(long step) => batches[(int)step].Length;

    /// <inheritdoc/>
    public PackedRow Row(long step, int rowInStep) => Packed(batches[(int)step][rowInStep]);

    /// <summary>A golden row as a row of one document.</summary>
    public static PackedRow Packed(GoldenRow row) => new()
    {
        Ids = row.Ids,
        Trained = row.Trained,
        DocumentBounds = (int[])[0, row.Ids.Length],
        DocumentSources = _oneSource,
        DocumentRecords = [],
        Turns = [],
    };
}
