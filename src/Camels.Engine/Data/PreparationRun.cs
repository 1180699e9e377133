namespace Camels.Engine.Data;

/// <summary>One preparation: reads, encodes, chooses, packs and writes the rows of each split into a folder.</summary>
internal sealed class PreparationRun(
    PreparationSettings settings,
    TemplateEncoder template,
    OpenedSource[] sources,
    ContaminationIndex? evaluation,
    string folder,
    IProgress<PreparationProgress>? progress,
    CancellationToken cancellation) : IDisposable
{
    private readonly DocumentStore _store = new(Path.Combine(folder, "documents.partial"));
    private readonly ContaminationLedger? _ledger = evaluation is null ? null : new ContaminationLedger(evaluation, folder);
    private readonly ConversationWorker[] _workers = [.. Enumerable.Range(0, ChunkReader.MostConversations)
        .Select(_ => new ConversationWorker(settings, template, evaluation))];
    private readonly LeftOutList _leftOut = new(folder);
    private readonly ConversationFilter _filter = new(settings.Deduplicate);
    private readonly long[] _sourceBytes = [.. sources.Select(source => source.Input.Files.Sum(file => new FileInfo(file).Length))];
    private long _conversations;
    private long _tokens;

    public void Dispose()
    {
        _leftOut.Dispose();
        _store.Dispose();
        _ledger?.Dispose();
    }

    /// <summary>Writes the splits, adds their files to <paramref name="files"/>, and says what was given away of evaluation sets.</summary>
    public ContaminationAudit? Write(Dictionary<string, FileSeal> files)
    {
        foreach (SourceAudit audit in sources.Select(source => source.Audit))
        {
            audit.LeftOut = (place, reason) => _leftOut.Add(audit.Name, place, reason);
            audit.LeftOutLater = (place, reason) => _leftOut.AddLater(audit.Name, place, reason);
        }

        using (ChunkReader reader = new(sources))
        {
            while (reader.Next() is ConversationChunk chunk)
            {
                cancellation.ThrowIfCancellationRequested();
                Encode(chunk);
            }
        }

        _leftOut.Finish(files);
        _store.Seal();
        Destination[] destinations = new SplitChoice(settings, sources).Choose(_store.Documents);
        WriteSplit(PreparedData.TrainSplit, destinations, Destination.Train, files);
        if (destinations.Contains(Destination.Validation))
        {
            WriteSplit(PreparedData.ValidationSplit, destinations, Destination.Validation, files);
        }
        else if (settings.ValidationSources.Count > 0)
        {
            throw CamelsException.BadInput("data.validation.sources have no usable record.");
        }

        return _ledger?.Finish(files);
    }

    private void Encode(ConversationChunk chunk)
    {
        Parallel.For(0, chunk.Conversations.Count, i => _workers[i].Work(chunk.Conversations[i]));
        SourceAudit audit = sources[chunk.Source].Audit;
        for (int i = 0; i < chunk.Conversations.Count; i++)
        {
            Conversation conversation = chunk.Conversations[i];
            ConversationWorker worker = _workers[i];
            if (IsAllowed(conversation, worker, audit) && _filter.Takes(conversation, worker, audit))
            {
                worker.Count(audit, conversation.Place);
                _store.Append(worker.Documents, chunk.Source, conversation);
                _conversations++;
                _tokens += worker.Documents.Tokens;
            }
        }

        if (chunk.IsLast)
        {
            audit.EndOfSource();
        }

        double fraction = _sourceBytes[chunk.Source] == 0 ? 1 : (double)sources[chunk.Source].Input.BytesRead / _sourceBytes[chunk.Source];
        progress?.Report(new PreparationProgress($"tokenizing {audit.Name}", Math.Min(1, fraction), _conversations, _tokens));
    }

    // What is held out may be what it likes.
    private bool IsAllowed(Conversation conversation, ConversationWorker worker, SourceAudit audit)
    {
        if (worker.Leaks.Count == 0 || audit.IsValidation)
        {
            return true;
        }

        audit.Contaminated++;
        bool isRemoved = settings.RemovesContaminated;
        audit.ListLater(conversation.Place, $"gives away evaluation items, {(isRemoved ? "removed" : "kept")}", isRemoved);
        _ledger!.Add(conversation, audit.Name, worker.Leaks, settings.RemovesContaminated);
        return !settings.RemovesContaminated;
    }

    private void WriteSplit(string split, Destination[] destinations, Destination destination, Dictionary<string, FileSeal> files)
    {
        int[] documents = [.. Enumerable.Range(0, destinations.Length).Where(i => destinations[i] == destination)];
        if (documents.Length == 0)
        {
            string[] reasons = [.. sources.SelectMany(source => source.Audit.Unusable).Select(reason => $", {reason.Value} {reason.Key}").Take(3)];
            throw CamelsException.BadInput(
                $"there is nothing to train on: {sources.Sum(source => source.Audit.Records)} records read, none usable "
                + $"({sources.Sum(source => source.Audit.Empty)} empty, {sources.Sum(source => source.Audit.OverLongDropped)} longer than a row"
                + $"{string.Concat(reasons)}).");
        }

        int[] lengths = [.. documents.Select(document => _store.Documents[document].Tokens)];
        bool isPacked = settings.Packing && settings.Compatibility == Compatibility.None;
        PackedRows rows = isPacked ? Packing.Pack(lengths, settings.SequenceLength) : Packing.OnePerRow(lengths.Length);
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
