namespace Camels.Kernels;

/// <summary>
/// What somebody knows of what others did: a vector clock. Of each agent all accesses up to one moment, and of some of its lanes up to a later
/// one, because one lane of a warp may tell of itself alone.
/// </summary>
internal sealed class PtxClock(int agents)
{
    private readonly Entry[] _entries = new Entry[agents];

    private struct Entry
    {
        /// <summary>Accesses of every lane up to here are known.</summary>
        public uint All;

        /// <summary>Accesses of <see cref="Lanes"/> up to here are known.</summary>
        public uint Some;
        public uint Lanes;
    }

    public void Clear() => Array.Clear(_entries);

    /// <summary>True where an access of an agent's lane (32: several lanes) is known.</summary>
    public bool Knows(int agent, uint time, int lane)
    {
        ref Entry entry = ref _entries[agent];
        return time <= entry.All || (lane < 32 && time <= entry.Some && (entry.Lanes >> lane & 1) != 0);
    }

    /// <summary>Learns of all that an agent did up to a moment.</summary>
    public void Learn(int agent, uint time) => Learn(agent, time, some: 0, lanes: 0);

    /// <summary>Learns of all that an agent did up to <paramref name="all"/>, and of some lanes up to <paramref name="some"/>.</summary>
    public void Learn(int agent, uint all, uint some, uint lanes)
    {
        ref Entry entry = ref _entries[agent];
        entry.All = Math.Max(entry.All, all);
        if (some > entry.Some && some > entry.All)
        {
            entry.Lanes = lanes;
            entry.Some = some;
        }
        else if (some == entry.Some)
        {
            entry.Lanes |= lanes;
        }
    }

    /// <summary>Learns all that another knows.</summary>
    public void Join(PtxClock other)
    {
        for (int agent = 0; agent < _entries.Length; agent++)
        {
            Entry entry = other._entries[agent];
            Learn(agent, entry.All, entry.Some, entry.Lanes);
        }
    }
}
