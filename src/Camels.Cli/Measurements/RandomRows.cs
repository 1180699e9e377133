using Camels.Engine.Data;
using Camels.Engine.Training;

namespace Camels.Cli.Measurements;

/// <summary>Rows of random tokens, one document each, with the first third of their labels masked: what training is measured with.</summary>
internal sealed class RandomRows : IStepRows
{
    private static readonly int[] OnlySource = [0];
    private static readonly long[] OnlyRecord = [0];

    private readonly int[][] _ids;
    private readonly byte[] _trained;
    private readonly int[] _bounds;

    public RandomRows(int rows, int tokens, int vocabulary)
    {
        Random random = new(42);
        _ids = [.. Enumerable.Range(0, rows).Select(_ => Enumerable.Range(0, tokens).Select(_ => random.Next(vocabulary)).ToArray())];
        _trained = [.. Enumerable.Range(0, tokens).Select(token => token >= Math.Max(1, tokens / 3) ? (byte)1 : (byte)0)];
        _bounds = [0, tokens];
    }

    /// <inheritdoc/>
    public int LongestRow => _trained.Length;

    /// <inheritdoc/>
    public int MostTrainedInARow => _trained.AsSpan().Count((byte)1);

    /// <inheritdoc/>
    public int RowsInStep(long step) => _ids.Length;

    /// <inheritdoc/>
    public PackedRow Row(long step, int rowInStep) => new()
    {
        Ids = _ids[rowInStep],
        Trained = _trained,
        DocumentBounds = _bounds,
        DocumentSources = OnlySource,
        DocumentRecords = OnlyRecord,
        Turns = [],
    };
}
