using System.Globalization;
using System.Text.Json;

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

    /// <summary>Dropped from training: the same content is in the validation sources.</summary>
    public long InValidationSources { get; set; }

    /// <summary>Where the first records of the counts above stand, each with its reason.</summary>
    public List<string> Listed { get; init; } = [];

    /// <summary>Told of all that is found while reading, of which <see cref="Listed"/> holds the first.</summary>
    internal Action<RecordPlace, string>? LeftOut { get; set; }

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
    internal void ListLater(RecordPlace place, string reason) => List(_listedLater, place, reason);

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

/// <summary>What is in one split, measured on the prepared tokens.</summary>
public sealed record SplitAudit
{
    /// <summary>Rows.</summary>
    public required int Rows { get; init; }

    /// <summary>Documents.</summary>
    public required long Documents { get; init; }

    /// <summary>Tokens.</summary>
    public required long Tokens { get; init; }

    /// <summary>Trained tokens.</summary>
    public required long TrainedTokens { get; init; }

    /// <summary>Trained tokens over tokens.</summary>
    public required double TrainedShare { get; init; }

    /// <summary>Tokens over rows × sequence length.</summary>
    public required double Fill { get; init; }

    /// <summary>The same without the emptiest row, which holds what is left over.</summary>
    public required double FillWithoutLastRow { get; init; }

    /// <summary>Assistant turns.</summary>
    public required long AssistantTurns { get; init; }

    /// <summary>Assistant turns that end with a trained EOS.</summary>
    public required long AssistantTurnsWithTrainedEos { get; init; }

    /// <summary>Tokens of assistant turns that are not trained.</summary>
    public required long MaskedAssistantTokens { get; init; }

    /// <summary>Trained tokens outside assistant turns, or first in their document.</summary>
    public required long TrainedUserTokens { get; init; }

    /// <summary>Documents by their number of BOS tokens (where BOS is also EOS, those that end assistant turns are not counted).</summary>
    public required SortedDictionary<int, long> DocumentsByBosCount { get; init; }

    /// <summary>Documents that do not start as the tokenizer starts them, or hold another number of BOS tokens than that.</summary>
    public required long DocumentsWithWrongBos { get; init; }

    /// <summary>Rows without a trained token.</summary>
    public required int RowsWithoutTrainedToken { get; init; }

    /// <summary>Documents and trained tokens per source name.</summary>
    public required SortedDictionary<string, SourceTokens> Sources { get; init; }

    /// <summary>Share of assistant turns whose EOS is trained; anything but 1 is refused.</summary>
    public double EosCoverage => AssistantTurns == 0 ? 0 : (double)AssistantTurnsWithTrainedEos / AssistantTurns;

    /// <summary>Measures a split.</summary>
    public static SplitAudit Measure(PreparedData data)
    {
        AuditMeter meter = new(data.Manifest);
        for (int row = 0; row < data.Rows; row++)
        {
            meter.Visit(data.Row(row));
        }

        return meter.Result(data);
    }

    /// <summary>What forbids training on this split, in words; empty: nothing.</summary>
    public IEnumerable<string> Errors()
    {
        if (TrainedUserTokens > 0)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"{TrainedUserTokens} tokens outside assistant turns are trained");
        }

        if (AssistantTurnsWithTrainedEos != AssistantTurns)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture, $"{AssistantTurns - AssistantTurnsWithTrainedEos} assistant turns lack a trained EOS");
        }

        if (DocumentsWithWrongBos > 0)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"{DocumentsWithWrongBos} documents have a wrong number of BOS tokens");
        }

        if (TrainedTokens == 0)
        {
            yield return "no token is trained, so there is nothing to train on";
        }
    }
}

/// <summary>Share of one source in a split.</summary>
/// <param name="Documents">Its documents.</param>
/// <param name="Tokens">Their tokens.</param>
/// <param name="TrainedTokens">Those that are trained.</param>
public sealed record SourceTokens(long Documents, long Tokens, long TrainedTokens);

/// <summary>The audit of prepared data: audit.json.</summary>
public sealed record Audit
{
    private const string FileName = "audit.json";
    private const long MostBytes = 1 << 20;

    private static readonly JsonSerializerOptions _json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
    };

    /// <summary>The prepared data's key.</summary>
    public required string Key { get; init; }

    /// <summary>What was read.</summary>
    public required IReadOnlyList<SourceAudit> Sources { get; init; }

    /// <summary>What is trained on.</summary>
    public required SplitAudit Train { get; init; }

    /// <summary>What is held out, or null.</summary>
    public required SplitAudit? Validation { get; init; }

    /// <summary>What the training data gives away of evaluation sets; null where it was compared with none.</summary>
    public ContaminationAudit? Contamination { get; init; }

    /// <summary>
    /// Throws (exit code 3) what forbids training; strict: over-long and duplicate records and what is no plain text too. Known defects that are wanted forbid nothing.
    /// </summary>
    public void Require(bool strict, Compatibility compatibility = Compatibility.None)
    {
        List<string> errors = [];
        if (compatibility == Compatibility.None)
        {
            errors.AddRange(Train.Errors());
            errors.AddRange(Validation?.Errors().Select(error => $"validation: {error}") ?? []);
        }

        if (strict)
        {
            AddStrict(errors, Sources.Sum(source => source.OverLong), "are longer than a row", "longer than a row");
            AddStrict(errors, Sources.Sum(source => source.Duplicate + source.NearDuplicate - source.Removed), "are duplicates", "duplicate");
            AddStrict(errors, Sources.Sum(source => source.NonText), "are not plain text", "not plain text");
            if (Contamination is { } leaks && leaks.Records > leaks.Removed)
            {
                errors.Add(string.Create(CultureInfo.InvariantCulture, $"strict: {leaks.Records} records give away evaluation items ({leaks.Listed[0]})"));
            }
        }

        if (errors.Count > 0)
        {
            throw CamelsException.BadInput($"the audit refuses this data: {string.Join("; ", errors)}.");
        }
    }

    internal void Write(string folder) => DataFiles.Write(Path.Combine(folder, FileName), JsonText.Of(this));

    internal static Audit Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        try
        {
            return JsonSerializer.Deserialize<Audit>(StrictJson.ReadBytes(path, MostBytes), _json) ?? throw new JsonException("it is null");
        }
        catch (JsonException broken)
        {
            throw CamelsException.BadInput(
                $"{path}: not an audit of prepared data ({StrictJson.WithoutPosition(broken.Message)}). Delete the folder and prepare again.", broken);
        }
    }

    private void AddStrict(List<string> errors, long count, string what, string reason)
    {
        if (count > 0)
        {
            string? first = Sources.SelectMany(source => source.Listed).FirstOrDefault(entry => entry.Contains(reason, StringComparison.Ordinal));
            string example = first is null ? "" : $" ({first})";
            errors.Add(string.Create(CultureInfo.InvariantCulture, $"strict: {count} records {what}{example}"));
        }
    }
}
