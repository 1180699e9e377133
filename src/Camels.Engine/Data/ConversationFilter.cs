namespace Camels.Engine.Data;

/// <summary>What becomes of conversations that came before.</summary>
public enum Deduplicate
{
    /// <summary>Counted and kept.</summary>
    None,

    /// <summary>Those of the same content as an earlier one are removed.</summary>
    Exact,

    /// <summary>Those that share most of their words with an earlier one are removed too (see <see cref="NearDuplicates"/>).</summary>
    Near,
}

/// <summary>Decides in the order of the sources which conversations are taken; those of validation sources come first and are all taken.</summary>
internal sealed class ConversationFilter(Deduplicate deduplicate)
{
    private readonly HashSet<UInt128> _seen = [];
    private readonly HashSet<UInt128> _inValidationSources = [];
    private readonly NearDuplicates _near = new();

    public bool Takes(Conversation conversation, ConversationWorker worker, SourceAudit audit)
    {
        if (audit.IsValidation)
        {
            _inValidationSources.Add(conversation.OpeningHash);
        }
        else if (_inValidationSources.Contains(conversation.OpeningHash))
        {
            audit.InValidationSources++;
            audit.ListLater(conversation.Place, "begins as one of the validation sources does, dropped", isLeftOut: true);
            return false;
        }

        if (!_seen.Add(conversation.ContentHash))
        {
            audit.Duplicate++;
            return Keeps("duplicate of an earlier record", deduplicate == Deduplicate.None);
        }

        if (!worker.Signature.IsEmpty && _near.IsKnown(worker.Signature))
        {
            audit.NearDuplicate++;
            return Keeps("near duplicate of an earlier record", isKept: false);
        }

        return true;

        bool Keeps(string what, bool isKept)
        {
            bool staysIn = isKept || audit.IsValidation;
            audit.Removed += staysIn ? 0 : 1;
            audit.ListLater(conversation.Place, $"{what}, {(staysIn ? "kept" : "removed")}", isLeftOut: !staysIn);
            return staysIn;
        }
    }
}
