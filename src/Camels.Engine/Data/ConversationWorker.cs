using System.Collections.ObjectModel;

namespace Camels.Engine.Data;

/// <summary>What is done to one conversation on any thread: encoded, and looked at for what the audit reports. Reused.</summary>
internal sealed class ConversationWorker(PreparationSettings settings, TemplateEncoder template, ContaminationIndex? evaluation)
{
    private readonly ConversationEncoder _encoder = new(template, settings.SequenceLength, settings.OverLength, settings.Compatibility);
    private readonly MinHash? _minHash = settings.Deduplicate == Deduplicate.Near ? new MinHash() : null;
    private readonly ContaminationProbe? _probe = evaluation is null ? null : new ContaminationProbe(evaluation);
    private Fit _fit;
    private TextFlaws _flaws;

    /// <summary>The documents of the last conversation.</summary>
    public EncodedDocuments Documents => _encoder.Documents;

    /// <summary>Its signature; empty where none is wanted or it has no words.</summary>
    public ReadOnlySpan<ushort> Signature => _minHash is { HasWords: true } ? _minHash.Signature : [];

    /// <summary>The evaluation items that it gives away, with their coverage.</summary>
    public IReadOnlyDictionary<int, double> Leaks => _probe?.Found ?? ReadOnlyDictionary<int, double>.Empty;

    public void Work(Conversation conversation)
    {
        _fit = _encoder.Encode(conversation.Messages);
        _flaws = TextFlawFinder.Of(conversation.Messages);
        _minHash?.Compute(conversation.Content);
        _probe?.Look(conversation.Messages);
    }

    /// <summary>Counts what was found in the last conversation.</summary>
    public void Count(SourceAudit audit, RecordPlace place)
    {
        CountFlaws(audit, place);
        if (_fit == Fit.Whole)
        {
            return;
        }

        audit.OverLong++;
        audit.Split += _fit == Fit.Split ? 1 : 0;
        audit.Truncated += _fit == Fit.Cut ? 1 : 0;
        audit.OverLongDropped += _fit == Fit.Dropped ? 1 : 0;
        string outcome = _fit switch
        {
            Fit.Split => "split",
            Fit.Cut => "cut",
            _ => "dropped",
        };
        audit.ListLater(place, $"longer than a row, {outcome}", isLeftOut: _fit != Fit.Split);
    }

    private void CountFlaws(SourceAudit audit, RecordPlace place)
    {
        if (_flaws == TextFlaws.None)
        {
            return;
        }

        audit.NonText++;
        audit.Nul += Has(TextFlaws.Nul);
        audit.ControlCharacters += Has(TextFlaws.Control);
        audit.Mojibake += Has(TextFlaws.Mojibake);
        string[] names = [.. new[] { (TextFlaws.Nul, "U+0000"), (TextFlaws.Control, "control characters"), (TextFlaws.Mojibake, "mojibake") }
            .Where(flaw => _flaws.HasFlag(flaw.Item1)).Select(flaw => flaw.Item2)];
        audit.ListLater(place, $"not plain text ({string.Join(", ", names)}), kept", isLeftOut: false);

        int Has(TextFlaws flaw) => _flaws.HasFlag(flaw) ? 1 : 0;
    }
}
