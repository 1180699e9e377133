using Camels.Engine.Data;
using Camels.Engine.Layers;

namespace Camels.Engine.Training;

/// <summary>
/// Turns rows into lanes of a batch: a token's label is the next token where that one is trained. Weights of losses are known before the
/// forward pass, because labels are counted here first.
/// </summary>
/// <param name="longestRow">Tokens of the longest row.</param>
/// <param name="reduction">How the step's loss is formed.</param>
/// <param name="lanes">Rows of a micro-step.</param>
public sealed class RowFiller(int longestRow, LossReduction reduction, int lanes = 1)
{
    private readonly int[] _labels = new int[longestRow];
    private readonly double[] _scales = new double[longestRow];
    private long[] _trainedOfMicroStep = [];
    private long _trainedTokens;
    private long _trainedDocuments;
    private int _microSteps;

    /// <summary>Multiplies the weights of losses that gradients are formed from, not those of the losses that are reported.</summary>
    public double LossScale { get; set; } = 1;

    /// <summary>Counts a step's tokens, which the scales of its losses need.</summary>
    public void Count(IStepRows rows, long step, int rowsInStep, out long tokens, out long trainedTokens)
    {
        tokens = 0;
        _trainedTokens = 0;
        _trainedDocuments = 0;
        _microSteps = ((rowsInStep - 1) / lanes) + 1;
        if (_trainedOfMicroStep.Length < _microSteps)
        {
            _trainedOfMicroStep = new long[_microSteps];
        }

        Array.Clear(_trainedOfMicroStep);
        for (int r = 0; r < rowsInStep; r++)
        {
            PackedRow row = rows.Row(step, r);
            tokens += row.Ids.Length;
            for (int d = 0; d < row.DocumentSources.Length; d++)
            {
                int trained = row.Trained[row.DocumentBounds[d]..row.DocumentBounds[d + 1]].Count((byte)1);
                _trainedTokens += trained;
                _trainedOfMicroStep[r / lanes] += trained;
                _trainedDocuments += trained > 0 ? 1 : 0;
            }
        }

        trainedTokens = _trainedTokens;
    }

    /// <summary>Adds a row as the batch's next lane.</summary>
    /// <param name="batch">Takes the lane.</param>
    /// <param name="row">Its tokens.</param>
    /// <param name="losses">Is told the source of every trained token.</param>
    /// <param name="scaled">False for validation, which forms no gradient.</param>
    /// <param name="rowInStep">Number of the row in its step.</param>
    public void Fill(TokenBatch batch, PackedRow row, StepLosses losses, bool scaled, int rowInStep = 0)
    {
        int trainedTokens = 0;
        for (int d = 0; d < row.DocumentSources.Length; d++)
        {
            int start = row.DocumentBounds[d];
            int end = row.DocumentBounds[d + 1];
            int trained = row.Trained[start..end].Count((byte)1);
            double scale = scaled ? ScaleOf(trained, rowInStep / lanes) : 0;
            for (int t = start; t < end; t++)
            {
                bool hasLabel = t + 1 < end && row.Trained[t + 1] != 0;
                _labels[t] = hasLabel ? row.Ids[t + 1] : TokenBatch.NoLabel;
                if (hasLabel)
                {
                    _scales[trainedTokens++] = scale * LossScale;
                    losses.AddTrained(row.DocumentSources[d], scale);
                }
            }
        }

        batch.AddLane(row.Ids, _labels.AsSpan(0, row.Ids.Length), row.DocumentBounds, _scales.AsSpan(0, trainedTokens));
    }

    private double ScaleOf(int trainedInDocument, int microStep) => reduction switch
    {
        LossReduction.Tokens => 1.0 / _trainedTokens,
        LossReduction.ExampleMean => 1.0 / ((double)_trainedDocuments * Math.Max(1, trainedInDocument)),
        _ => 1.0 / ((double)_microSteps * Math.Max(1, _trainedOfMicroStep[microStep])),
    };
}
