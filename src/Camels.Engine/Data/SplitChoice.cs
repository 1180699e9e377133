namespace Camels.Engine.Data;

/// <summary>Where a document goes.</summary>
internal enum Destination : byte
{
    Train,
    Validation,
    Nowhere,
}

/// <summary>
/// Decides over all documents at once which conversations the mixture takes and which are held out. Both take those with the smallest hashes,
/// of the whole content and of how it begins, so the choice depends on no order, a tenth is part of a quarter, and what begins alike shares a
/// side: the other paths of a tree have its answers too.
/// </summary>
internal sealed class SplitChoice(PreparationSettings settings, OpenedSource[] sources)
{
    public Destination[] Choose(ReadOnlySpan<StoredDocument> documents)
    {
        Destination[] destinations = new Destination[documents.Length];
        DrawConversations(documents, destinations);
        UInt128 largestHeldOut = settings.ValidationFraction > 0 ? LargestHeldOutHash(documents, destinations) : UInt128.Zero;
        for (int i = 0; i < documents.Length; i++)
        {
            SourceAudit audit = sources[documents[i].Source].Audit;
            bool isHeldOut = audit.IsValidation || (settings.ValidationFraction > 0 && documents[i].OpeningHash <= largestHeldOut);
            if (destinations[i] == Destination.Train && isHeldOut)
            {
                destinations[i] = Destination.Validation;
                audit.HeldOut += IsFirstOfConversation(documents, i) ? 1 : 0;
            }

            audit.Taken += destinations[i] != Destination.Nowhere && IsFirstOfConversation(documents, i) ? 1 : 0;
        }

        return destinations;
    }

    private static bool IsFirstOfConversation(ReadOnlySpan<StoredDocument> documents, int i) =>
        i == 0 || (documents[i - 1].Source, documents[i - 1].Record) != (documents[i].Source, documents[i].Record);

    private void DrawConversations(ReadOnlySpan<StoredDocument> documents, Destination[] destinations)
    {
        long[] wanted = Wanted(documents);
        for (int start = 0; start < documents.Length;)
        {
            int source = documents[start].Source;
            int end = start;
            List<(ulong Key, int Number)> keys = [];
            for (; end < documents.Length && documents[end].Source == source; end++)
            {
                if (IsFirstOfConversation(documents, end))
                {
                    keys.Add((RandomBits.Mix(RandomBits.Mix(settings.Seed) ^ (ulong)documents[end].ContentHash), keys.Count));
                }
            }

            if (wanted[source] < keys.Count)
            {
                sources[source].Audit.NotDrawn = keys.Count - wanted[source];
                LeaveOut(documents, destinations, start..end, keys, (int)wanted[source]);
            }

            start = end;
        }
    }

    private static void LeaveOut(
        ReadOnlySpan<StoredDocument> documents, Destination[] destinations, Range range, List<(ulong Key, int Number)> keys, int wanted)
    {
        keys.Sort();
        bool[] isDrawn = new bool[keys.Count];
        foreach ((_, int number) in keys[..wanted])
        {
            isDrawn[number] = true;
        }

        int conversation = -1;
        (int start, int length) = range.GetOffsetAndLength(documents.Length);
        for (int i = start; i < start + length; i++)
        {
            conversation += IsFirstOfConversation(documents, i) ? 1 : 0;
            destinations[i] = isDrawn[conversation] ? Destination.Train : Destination.Nowhere;
        }
    }

    // Conversations that each source gives: its share of those it has, or as many as its weight allows where no source gives any twice.
    private long[] Wanted(ReadOnlySpan<StoredDocument> documents)
    {
        long[] available = new long[sources.Length];
        for (int i = 0; i < documents.Length; i++)
        {
            available[documents[i].Source] += IsFirstOfConversation(documents, i) ? 1 : 0;
        }

        DataSource[] asked = [.. settings.ValidationSources, .. settings.Sources];
        double perWeight = double.PositiveInfinity;
        for (int source = 0; source < asked.Length; source++)
        {
            available[source] = (long)Math.Round(Math.Min(available[source], asked[source].Most ?? long.MaxValue) * (asked[source].Fraction ?? 1));
            perWeight = asked[source].Weight is double weight ? Math.Min(perWeight, available[source] / weight) : perWeight;
        }

        for (int source = 0; source < asked.Length; source++)
        {
            available[source] = asked[source].Weight is double weight ? (long)Math.Round(perWeight * weight) : available[source];
        }

        return available;
    }

    private UInt128 LargestHeldOutHash(ReadOnlySpan<StoredDocument> documents, Destination[] destinations)
    {
        HashSet<UInt128> distinct = [];
        for (int i = 0; i < documents.Length; i++)
        {
            if (destinations[i] == Destination.Train)
            {
                _ = distinct.Add(documents[i].OpeningHash);
            }
        }

        UInt128[] hashes = [.. distinct];
        Array.Sort(hashes);
        int count = Math.Max(1, (int)Math.Round(settings.ValidationFraction * hashes.Length));
        return count < hashes.Length
            ? hashes[count - 1]
            : throw CamelsException.BadInput(
                $"the data has {hashes.Length} distinct first messages: too few to hold some out and train on others; name data.validation.sources instead.");
    }
}
