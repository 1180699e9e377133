namespace Camels.Engine.Data;

/// <summary>Writes the files of one split, row by row, in the layout of <see cref="PreparedManifest"/>.</summary>
internal sealed class PreparedDataWriter : IDisposable
{
    private readonly Dictionary<string, Func<FileSeal>> _seals = [];
    private readonly List<IDisposable> _opened = [];
    private readonly TokenFileWriter<int> _ids;
    private readonly TokenFileWriter<byte> _trained;
    private readonly TokenFileWriter<RowStart> _rows;
    private readonly TokenFileWriter<int> _bounds;
    private readonly TokenFileWriter<int> _sources;
    private readonly TokenFileWriter<long> _records;
    private readonly TokenFileWriter<Turn> _turns;

    /// <summary>The files of a split.</summary>
    public static IEnumerable<string> NamesOf(string split) =>
        new[] { "ids", "trained", "rows", "bounds", "sources", "records", "turns" }.Select(part => $"{split}.{part}");

    public PreparedDataWriter(string folder, string split)
    {
        _ids = Create<int>("ids");
        _trained = Create<byte>("trained");
        _rows = Create<RowStart>("rows");
        _bounds = Create<int>("bounds");
        _sources = Create<int>("sources");
        _records = Create<long>("records");
        _turns = Create<Turn>("turns");

        TokenFileWriter<T> Create<T>(string part)
            where T : unmanaged
        {
            string name = $"{split}.{part}";
            TokenFileWriter<T> writer = new(Path.Combine(folder, name));
            _seals.Add(name, writer.Seal);
            _opened.Add(writer);
            return writer;
        }
    }

    public void BeginRow()
    {
        _rows.Write(new RowStart(_ids.Count, _sources.Count, _turns.Count));
        _bounds.Write(0);
        RowTokens = 0;
    }

    /// <summary>Tokens of the row so far.</summary>
    public int RowTokens { get; private set; }

    /// <param name="turns">In tokens from the document's start.</param>
    /// <param name="ids">The tokens.</param>
    /// <param name="trained">1 where trained.</param>
    /// <param name="source">Index of the source.</param>
    /// <param name="record">Number of the record in it.</param>
    public void AddDocument(ReadOnlySpan<Turn> turns, ReadOnlySpan<int> ids, ReadOnlySpan<byte> trained, int source, long record)
    {
        foreach (Turn turn in turns)
        {
            _turns.Write(new Turn(RowTokens + turn.Start, RowTokens + turn.End, turn.Role));
        }

        _ids.Write(ids);
        _trained.Write(trained);
        _sources.Write(source);
        _records.Write(record);
        RowTokens += ids.Length;
        _bounds.Write(RowTokens);
    }

    /// <summary>Ends the split; adds its files to <paramref name="files"/>.</summary>
    public void Seal(Dictionary<string, FileSeal> files)
    {
        _rows.Write(new RowStart(_ids.Count, _sources.Count, _turns.Count));
        foreach ((string name, Func<FileSeal> seal) in _seals)
        {
            files.Add(name, seal());
        }
    }

    public void Dispose()
    {
        foreach (IDisposable writer in _opened)
        {
            writer.Dispose();
        }
    }
}
