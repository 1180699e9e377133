namespace Camels.Engine.Data;

/// <summary>
/// Goes once through the files of a split: checks that rows are sound and that every file has its checksum, and counts. Whoever wants to see
/// the rows sees them on the way.
/// </summary>
internal sealed class SplitCheck : IDisposable
{
    private readonly SplitReader<int> _ids;
    private readonly SplitReader<byte> _trained;
    private readonly SplitReader<RowStart> _rows;
    private readonly SplitReader<int> _bounds;
    private readonly SplitReader<int> _sources;
    private readonly SplitReader<long> _records;
    private readonly SplitReader<Turn> _turns;
    private readonly PreparedManifest _manifest;
    private readonly RowStart _totals;

    /// <param name="pathOf">The path of a part of the split; sizes were checked.</param>
    /// <param name="manifest">What the split was written with.</param>
    /// <param name="totals">Tokens, documents and turns of the split.</param>
    public SplitCheck(Func<string, string> pathOf, PreparedManifest manifest, RowStart totals)
    {
        _manifest = manifest;
        _totals = totals;
        _ids = new(pathOf("ids"));
        _trained = new(pathOf("trained"));
        _rows = new(pathOf("rows"));
        _bounds = new(pathOf("bounds"));
        _sources = new(pathOf("sources"));
        _records = new(pathOf("records"));
        _turns = new(pathOf("turns"));
    }

    /// <summary>Trained tokens of all rows.</summary>
    public long TrainedTokens { get; private set; }

    /// <summary>Tokens of the longest row.</summary>
    public int LongestRow { get; private set; }

    /// <summary>Tokens of the shortest row.</summary>
    public int ShortestRow { get; private set; } = int.MaxValue;

    /// <summary>The largest number of trained tokens that one row has.</summary>
    public int MostTrainedInARow { get; private set; }

    /// <summary>Reads so many rows; false where they are not sound.</summary>
    public bool Rows(int count, IRowVisitor? visitor)
    {
        RowStart start = count > 0 ? _rows.Take(1)[0] : default;
        for (int row = 0; row < count; row++)
        {
            RowStart end = _rows.Take(1)[0];
            if (!AreInOrder(start, end) || !Row(start, end, visitor))
            {
                return false;
            }

            start = end;
        }

        return true;
    }

    /// <summary>Reads to the ends of all files and returns their checksums by part.</summary>
    public IEnumerable<(string Part, string Sha256)> Checksums() =>
    [
        ("ids", _ids.Finish()), ("trained", _trained.Finish()), ("rows", _rows.Finish()), ("bounds", _bounds.Finish()),
        ("sources", _sources.Finish()), ("records", _records.Finish()), ("turns", _turns.Finish()),
    ];

    public void Dispose()
    {
        foreach (IDisposable reader in (IDisposable[])[_ids, _trained, _rows, _bounds, _sources, _records, _turns])
        {
            reader.Dispose();
        }
    }

    private bool Row(RowStart start, RowStart end, IRowVisitor? visitor)
    {
        int tokens = (int)(end.FirstToken - start.FirstToken);
        int documents = (int)(end.FirstDocument - start.FirstDocument);
        PackedRow row = new()
        {
            Ids = _ids.Take(tokens),
            Trained = _trained.Take(tokens),
            DocumentBounds = _bounds.Take(documents + 1),
            DocumentSources = _sources.Take(documents),
            DocumentRecords = _records.Take(documents),
            Turns = _turns.Take((int)(end.FirstTurn - start.FirstTurn)),
        };
        if (!IsSound(row))
        {
            return false;
        }

        int trained = row.Trained.Count((byte)1);
        TrainedTokens += trained;
        MostTrainedInARow = Math.Max(MostTrainedInARow, trained);
        LongestRow = Math.Max(LongestRow, tokens);
        ShortestRow = Math.Min(ShortestRow, tokens);
        visitor?.Visit(row);
        return true;
    }

    private bool AreInOrder(RowStart start, RowStart end)
    {
        long tokens = end.FirstToken - start.FirstToken;
        return tokens >= 1 && tokens <= _manifest.SequenceLength && end.FirstToken <= _totals.FirstToken
            && IsBetween(end.FirstDocument, start.FirstDocument + 1, Math.Min(start.FirstDocument + tokens, _totals.FirstDocument))
            && IsBetween(end.FirstTurn, start.FirstTurn + 1, Math.Min(start.FirstTurn + tokens, _totals.FirstTurn));
    }

    private static bool IsBetween(long value, long least, long most) => value >= least && value <= most;

    private bool IsSound(PackedRow row)
    {
        bool isSound = row.DocumentBounds[0] == 0 && row.DocumentBounds[^1] == row.Ids.Length
            && !row.Ids.ContainsAnyExceptInRange(0, _manifest.VocabularySize - 1)
            && !row.Trained.ContainsAnyExceptInRange((byte)0, (byte)1)
            && !row.DocumentSources.ContainsAnyExceptInRange(0, _manifest.SourceNames.Length - 1);
        for (int document = 0; document < row.DocumentSources.Length; document++)
        {
            isSound &= row.DocumentBounds[document] < row.DocumentBounds[document + 1];
        }

        foreach (Turn turn in row.Turns)
        {
            isSound &= turn.Start >= 0 && turn.Start <= turn.End && turn.End <= row.Ids.Length
                && turn.Role is >= Role.System and <= Role.Assistant;
        }

        return isSound;
    }
}

/// <summary>Sees every row of a split once, in order.</summary>
internal interface IRowVisitor
{
    /// <summary>A row; valid during the call.</summary>
    void Visit(PackedRow row);
}
