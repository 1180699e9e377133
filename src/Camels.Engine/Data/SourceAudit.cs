namespace Camels.Engine.Data;

/// <summary>What was read from one source and what became of it; counts of records (conversations).</summary>
public sealed record SourceAudit
{
    private const int MostListed = 20;

    private readonly List<string> _listedLater = [];

    /// <summary>Name in the run, as in log.jsonl.</summary>
    public required string Name { get; init; }

    /// <summary>True where the source is validation data of its own.</summary>
    public required bool IsValidation { get; init; }

    /// <summary>The files that were read.</summary>
    public List<SourceFile> Files { get; init; } = [];

    /// <summary>How many conversations the published mixture has of this dataset; null outside of one.</summary>
    public int? Published { get; init; }

    /// <summary>Records read.</summary>
    public long Records { get; set; }

    /// <summary>Conversations that were taken, those held out among them.</summary>
    public long Taken { get; set; }

    /// <summary>
    /// Gave no conversation, by reason: records that are not what their dataset promises, and branches of trees that were asked not to be
    /// taken.
    /// </summary>
    public SortedDictionary<string, long> Unusable { get; init; } = new(StringComparer.Ordinal);

    /// <summary>Dropped: an assistant turn has no text.</summary>
    public long Empty { get; set; }

    /// <summary>Same content as an earlier record of the data.</summary>
    public long Duplicate { get; set; }

    /// <summary>Most of the words of an earlier record; counted where these are removed.</summary>
    public long NearDuplicate { get; set; }

    /// <summary>Of both kinds of duplicates: removed.</summary>
    public long Removed { get; set; }

    /// <summary>Holds what is no plain text: U+0000, control characters or misread UTF-8; kept.</summary>
    public long NonText { get; set; }

    /// <summary>Of these: with U+0000.</summary>
    public long Nul { get; set; }

    /// <summary>Of these: with other control characters.</summary>
    public long ControlCharacters { get; set; }

    /// <summary>Of these: with misread UTF-8 or U+FFFD.</summary>
    public long Mojibake { get; set; }

    /// <summary>Gives away items of the evaluation sets.</summary>
    public long Contaminated { get; set; }

    /// <summary>Left out because only a share of the source is wanted.</summary>
    public long NotDrawn { get; set; }

    /// <summary>Longer than a row; what follows says what became of them.</summary>
    public long OverLong { get; set; }

    /// <summary>Of the over-long: kept in full, in several documents.</summary>
    public long Split { get; set; }

    /// <summary>Of the over-long: turn pairs are missing.</summary>
    public long Truncated { get; set; }

    /// <summary>Of the over-long: dropped.</summary>
    public long OverLongDropped { get; set; }

    /// <summary>A user's message at the end has no answer; that message was left out.</summary>
    public long Unanswered { get; set; }

    /// <summary>Conversations that went to the validation split.</summary>
    public long HeldOut { get; set; }

    /// <summary>Dropped from training: a conversation of the validation sources begins with the same message.</summary>
    public long InValidationSources { get; set; }

    /// <summary>Where the first records of the counts above stand, each with its reason.</summary>
    public List<string> Listed { get; init; } = [];

    /// <summary>Told of all that is found while reading, of which <see cref="Listed"/> holds the first.</summary>
    internal Action<RecordPlace, string>? LeftOut { get; set; }

    /// <summary>Told of what is found later, and only where it leaves a record out, or a part of it.</summary>
    internal Action<RecordPlace, string>? LeftOutLater { get; set; }

    /// <summary>True where nothing of it was taken, and not because its records were removed for standing elsewhere too.</summary>
    internal bool IsBarren => Taken == 0 && Removed == 0 && InValidationSources == 0 && Contaminated == 0;

    internal void CountUnusable(RecordPlace place, string reason)
    {
        Records++;
        Unusable[reason] = Unusable.GetValueOrDefault(reason) + 1;
        List(place, $"{reason}, left out");
    }

    internal void List(RecordPlace place, string reason)
    {
        LeftOut?.Invoke(place, reason);
        List(Listed, place, reason);
    }

    /// <summary>The same for what is found after reading, where another thread reads on; comes behind <see cref="Listed"/> at the end.</summary>
    internal void ListLater(RecordPlace place, string reason, bool isLeftOut)
    {
        if (isLeftOut)
        {
            LeftOutLater?.Invoke(place, reason);
        }

        List(_listedLater, place, reason);
    }

    internal void EndOfSource() => Listed.AddRange(_listedLater);

    private static void List(List<string> list, RecordPlace place, string reason)
    {
        if (list.Count < MostListed)
        {
            list.Add($"{place}: {reason}");
        }
    }
}

/// <summary>A data file as it was read.</summary>
/// <param name="Name">Without its folder.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">Of its bytes, lower-case hex.</param>
public sealed record SourceFile(string Name, long Bytes, string Sha256);
