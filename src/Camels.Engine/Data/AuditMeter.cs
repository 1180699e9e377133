namespace Camels.Engine.Data;

/// <summary>
/// Measures a split on its tokens alone: it knows where turns are and which ids are BOS and EOS, and derives from that what should be
/// trained, without the code that made the masks.
/// </summary>
internal sealed class AuditMeter(PreparedManifest manifest) : IRowVisitor
{
    private readonly SortedDictionary<int, long> _documentsByBosCount = [];
    private readonly long[] _documents = new long[manifest.SourceNames.Length];
    private readonly long[] _tokens = new long[manifest.SourceNames.Length];
    private readonly long[] _trainedTokens = new long[manifest.SourceNames.Length];
    private long _assistantTurns;
    private long _withTrainedEos;
    private long _assistantTokens;
    private long _trainedAssistantTokens;
    private long _wrongBos;
    private int _rowsWithoutTrained;

    /// <summary>The audit of <paramref name="data"/>, whose rows were all visited.</summary>
    public SplitAudit Result(PreparedData data) => new()
    {
        Rows = data.Rows,
        Documents = data.Documents,
        Tokens = data.Tokens,
        TrainedTokens = data.TrainedTokens,
        TrainedShare = (double)data.TrainedTokens / data.Tokens,
        Fill = data.Tokens / ((double)data.Rows * manifest.SequenceLength),
        FillWithoutLastRow = (data.Tokens - (data.Rows > 1 ? data.ShortestRow : 0)) / (Math.Max(1.0, data.Rows - 1) * manifest.SequenceLength),
        AssistantTurns = _assistantTurns,
        AssistantTurnsWithTrainedEos = _withTrainedEos,
        MaskedAssistantTokens = _assistantTokens - _trainedAssistantTokens,
        TrainedUserTokens = data.TrainedTokens - _trainedAssistantTokens,
        DocumentsByBosCount = _documentsByBosCount,
        DocumentsWithWrongBos = _wrongBos,
        RowsWithoutTrainedToken = _rowsWithoutTrained,
        Sources = new(Enumerable.Range(0, data.SourceNames.Count).ToDictionary(
            source => data.SourceNames[source],
            source => new SourceTokens(_documents[source], _tokens[source], _trainedTokens[source]))),
    };

    public void Visit(PackedRow row)
    {
        _rowsWithoutTrained += row.Trained.Contains((byte)1) ? 0 : 1;
        int firstTurn = 0;
        for (int document = 0; document < row.DocumentSources.Length; document++)
        {
            int start = row.DocumentBounds[document];
            int end = row.DocumentBounds[document + 1];
            int endTurn = firstTurn;
            while (endTurn < row.Turns.Length && row.Turns[endTurn].End <= end)
            {
                endTurn++;
            }

            int source = row.DocumentSources[document];
            _documents[source]++;
            _tokens[source] += end - start;
            _trainedTokens[source] += row.Trained[start..end].Count((byte)1);
            int eosThatAreBos = MeasureTurns(row, start, row.Turns[firstTurn..endTurn]);
            MeasureBos(row.Ids[start..end], eosThatAreBos + BosOfMarkers(row.Turns[firstTurn..endTurn]));
            firstTurn = endTurn;
        }
    }

    // Returns the number of assistant turns that end with a token that is BOS and EOS at once.
    private int MeasureTurns(PackedRow row, int documentStart, ReadOnlySpan<Turn> turns)
    {
        int eosThatAreBos = 0;
        int previousEnd = documentStart + 1;    // the first token of a document is never a target
        foreach (Turn turn in turns)
        {
            int start = Math.Max(turn.Start, previousEnd);
            if (turn.Role == Role.Assistant && turn.End > start)
            {
                bool endsWithEos = row.Ids[turn.End - 1] == manifest.EosId;
                _assistantTurns++;
                _assistantTokens += turn.End - start;
                _trainedAssistantTokens += row.Trained[start..turn.End].Count((byte)1);
                _withTrainedEos += endsWithEos && row.Trained[turn.End - 1] == 1 ? 1 : 0;
                eosThatAreBos += endsWithEos && manifest.EosId == manifest.BosId ? 1 : 0;
            }

            previousEnd = Math.Max(previousEnd, turn.End);
        }

        return eosThatAreBos;
    }

    // What the template itself writes between turns.
    private int BosOfMarkers(ReadOnlySpan<Turn> turns)
    {
        TemplateBos bos = manifest.TemplateBos;
        int pairs = 0;
        foreach (Turn turn in turns)
        {
            pairs += turn.Role == Role.User ? 1 : 0;
        }

        bool hasSystem = turns.Length > 0 && turns[0].Role == Role.System;
        return pairs == 0 ? 0 : (hasSystem ? bos.FirstPairWithSystem : bos.FirstPair) + ((pairs - 1) * bos.LaterPair);
    }

    private void MeasureBos(ReadOnlySpan<int> document, int otherBos)
    {
        if (manifest.BosId is not int bosId)
        {
            return;
        }

        int count = document.Count(bosId) - otherBos;
        _documentsByBosCount[count] = _documentsByBosCount.GetValueOrDefault(count) + 1;
        bool isRight = manifest.AddsBos ? count == 1 && document[0] == bosId : count == 0;
        _wrongBos += isRight ? 0 : 1;
    }
}
