namespace Camels.Engine.Data;

/// <summary>One preparation: reads, encodes, holds out, packs and writes the rows of each split into a folder.</summary>
internal sealed class PreparationRun(
    PreparationSettings settings,
    TemplateEncoder template,
    OpenedSource[] sources,
    string folder,
    IProgress<PreparationProgress>? progress,
    CancellationToken cancellation) : IDisposable
{
    // A chunk is encoded in parallel: enough for all threads, little enough for memory.
    private const int ChunkConversations = 512;
    private const int ChunkCharacters = 4 << 20;

    private readonly DocumentStore _store = new(Path.Combine(folder, "documents.partial"));
    private readonly List<Conversation> _chunk = new(ChunkConversations);
    private readonly ConversationEncoder[] _encoders = [.. Enumerable.Range(0, ChunkConversations)
        .Select(_ => new ConversationEncoder(template, settings.SequenceLength, settings.OverLength, settings.Compatibility))];
    private readonly Fit[] _fits = new Fit[ChunkConversations];
    private readonly HashSet<UInt128> _seen = [];
    private readonly HashSet<UInt128> _inValidationSources = [];
    private long _conversations;
    private long _tokens;

    public void Dispose() => _store.Dispose();

    /// <summary>Writes the splits; adds their files to <paramref name="files"/>.</summary>
    public void Write(Dictionary<string, FileSeal> files)
    {
        for (int source = 0; source < sources.Length; source++)
        {
            ReadSource(source);
        }

        _store.Seal();
        bool[] isHeldOut = HeldOut();
        WriteSplit(PreparedData.TrainSplit, isHeldOut, held: false, files);
        if (isHeldOut.Contains(true))
        {
            WriteSplit(PreparedData.ValidationSplit, isHeldOut, held: true, files);
        }
        else if (settings.ValidationSources.Count > 0)
        {
            throw CamelsException.BadInput("data.validation.sources have no usable record.");
        }
    }

    private void ReadSource(int source)
    {
        int characters = 0;
        foreach (Conversation conversation in sources[source].Usable())
        {
            if (!IsForTraining(conversation, sources[source].Audit))
            {
                continue;
            }

            _chunk.Add(conversation);
            characters += conversation.Messages.Sum(message => message.Content.Length);
            if (_chunk.Count == ChunkConversations || characters >= ChunkCharacters)
            {
                EncodeChunk(source);
                characters = 0;
            }
        }

        EncodeChunk(source);
    }

    // Validation sources are read first, so what they hold is known here.
    private bool IsForTraining(Conversation conversation, SourceAudit audit)
    {
        if (audit.IsValidation)
        {
            _inValidationSources.Add(conversation.ContentHash);
        }
        else if (_inValidationSources.Contains(conversation.ContentHash))
        {
            audit.InValidationSources++;
            audit.List(conversation.Place, "is in the validation sources, dropped");
            return false;
        }

        if (!_seen.Add(conversation.ContentHash))
        {
            audit.Duplicate++;
            audit.List(conversation.Place, "duplicate of an earlier record, kept");
        }

        return true;
    }

    private void EncodeChunk(int source)
    {
        cancellation.ThrowIfCancellationRequested();
        Parallel.For(0, _chunk.Count, i => _fits[i] = _encoders[i].Encode(_chunk[i].Messages));
        SourceAudit audit = sources[source].Audit;
        for (int i = 0; i < _chunk.Count; i++)
        {
            Conversation conversation = _chunk[i];
            CountFit(audit, _fits[i], conversation.Place);
            _store.Append(_encoders[i].Documents, source, conversation.Index, conversation.ContentHash);
            _tokens += _encoders[i].Documents.Tokens;
        }

        _conversations += _chunk.Count;
        _chunk.Clear();
        Report(source);
    }

    private static void CountFit(SourceAudit audit, Fit fit, RecordPlace place)
    {
        if (fit == Fit.Whole)
        {
            return;
        }

        audit.OverLong++;
        audit.Split += fit == Fit.Split ? 1 : 0;
        audit.Truncated += fit == Fit.Cut ? 1 : 0;
        audit.OverLongDropped += fit == Fit.Dropped ? 1 : 0;
        audit.List(place, fit switch
        {
            Fit.Split => "longer than a row, split",
            Fit.Cut => "longer than a row, some turns left out",
            _ => "longer than a row, dropped",
        });
    }

    private void Report(int source)
    {
        long totalBytes = sources[source].Input.Files.Sum(file => new FileInfo(file).Length);
        double fraction = totalBytes == 0 ? 1 : (double)sources[source].Input.BytesRead / totalBytes;
        progress?.Report(new PreparationProgress($"tokenizing {sources[source].Audit.Name}", fraction, _conversations, _tokens));
    }

    // One flag a document. A fraction holds out the distinct contents with the smallest hashes, at least one: independent of order, and
    // duplicates share a side.
    private bool[] HeldOut()
    {
        ReadOnlySpan<StoredDocument> documents = _store.Documents;
        bool[] isHeldOut = new bool[documents.Length];
        UInt128 largestHeldOut = settings.ValidationFraction > 0 ? LargestHeldOutHash(documents) : UInt128.Zero;
        (int Source, long Record) previous = (-1, -1);
        for (int i = 0; i < documents.Length; i++)
        {
            SourceAudit audit = sources[documents[i].Source].Audit;
            isHeldOut[i] = audit.IsValidation || (settings.ValidationFraction > 0 && documents[i].ContentHash <= largestHeldOut);
            bool isNewRecord = previous != (documents[i].Source, documents[i].Record);
            audit.HeldOut += isHeldOut[i] && isNewRecord ? 1 : 0;
            previous = (documents[i].Source, documents[i].Record);
        }

        return isHeldOut;
    }

    private UInt128 LargestHeldOutHash(ReadOnlySpan<StoredDocument> documents)
    {
        HashSet<UInt128> distinct = [];
        foreach (StoredDocument document in documents)
        {
            distinct.Add(document.ContentHash);
        }

        UInt128[] hashes = [.. distinct];
        Array.Sort(hashes);
        int count = Math.Max(1, (int)Math.Round(settings.ValidationFraction * hashes.Length));
        return count < hashes.Length
            ? hashes[count - 1]
            : throw CamelsException.BadInput(
                $"the data has {hashes.Length} distinct usable conversations: too few to hold some out and train on others.");
    }

    private void WriteSplit(string split, bool[] isHeldOut, bool held, Dictionary<string, FileSeal> files)
    {
        int[] documents = [.. Enumerable.Range(0, isHeldOut.Length).Where(i => isHeldOut[i] == held)];
        if (documents.Length == 0)
        {
            throw CamelsException.BadInput(
                $"there is nothing to train on: {sources.Sum(source => source.Audit.Records)} records read, none usable "
                + $"({sources.Sum(source => source.Audit.Empty)} empty, {sources.Sum(source => source.Audit.OverLongDropped)} longer than a row).");
        }

        int[] lengths = [.. documents.Select(document => _store.Documents[document].Tokens)];
        PackedRows rows = settings.Packing && settings.Compatibility == Compatibility.None ? Packing.Pack(lengths, settings.SequenceLength) : Packing.OnePerRow(lengths.Length);
        using PreparedDataWriter writer = new(folder, split);
        for (int row = 0; row < rows.Count; row++)
        {
            writer.BeginRow();
            foreach (int document in rows.Row(row))
            {
                StoredDocument stored = _store.Documents[documents[document]];
                _store.Read(stored, out ReadOnlySpan<Turn> turns, out ReadOnlySpan<int> ids, out ReadOnlySpan<byte> trained);
                writer.AddDocument(turns, ids, trained, stored.Source, stored.Record);
            }

            if (row % 4096 == 0)
            {
                cancellation.ThrowIfCancellationRequested();
                progress?.Report(new PreparationProgress($"writing {split}", (double)row / rows.Count, _conversations, _tokens));
            }
        }

        writer.Seal(files);
    }
}
