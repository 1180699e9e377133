using System.Numerics;

namespace Camels.Engine.Tokenizers;

/// <summary>
/// The pairs of symbols that byte-pair encoding may join: (left, right) to the rank of the merge (lower is earlier) and the joined symbol.
/// An open-addressing table: one cache line a look-up. Its multiplier is random, so that no file can be made to collide.
/// </summary>
internal sealed class MergeTable
{
    private readonly struct Entry(int left, int right, int rank, int joined)
    {
        public readonly int Left = left;
        public readonly int Right = right;
        public readonly int Rank = rank;
        public readonly int Joined = joined;
    }

    private const int Free = -1;

    private readonly ulong _multiplier = (ulong)Random.Shared.NextInt64() | 1;
    private Entry[] _entries = NewEntries(1024);
    private int _count;

    /// <summary>More pairs are not believed: real tokenizers have at most a few hundred thousand.</summary>
    public const int MostPairs = 1 << 22;

    /// <summary>Adds a pair; a pair that is there already is replaced.</summary>
    /// <exception cref="CamelsException">Exit code 3: more than <see cref="MostPairs"/> pairs.</exception>
    public void Set(int left, int right, int rank, int joined)
    {
        if (_count > MostPairs)
        {
            throw CamelsException.BadInput($"the tokenizer has more than {MostPairs} merges, which no real one has");
        }

        if (_count * 2 >= _entries.Length)
        {
            Grow();
        }

        int slot = Slot(left, right);
        _count += _entries[slot].Rank == Free ? 1 : 0;
        _entries[slot] = new Entry(left, right, rank, joined);
    }

    /// <summary>The rank and result of joining a pair; false where it is never joined.</summary>
    public bool TryFind(int left, int right, out int rank, out int joined)
    {
        ref readonly Entry entry = ref _entries[Slot(left, right)];
        rank = entry.Rank;
        joined = entry.Joined;
        return rank != Free;
    }

    // The slot that holds the pair, or the free one where it belongs.
    private int Slot(int left, int right)
    {
        ulong key = ((ulong)(uint)left << 32) | (uint)right;
        key ^= key >> 29;
        int slot = (int)((key * _multiplier) >> (64 - BitOperations.Log2((uint)_entries.Length)));
        while (_entries[slot].Rank != Free && (_entries[slot].Left != left || _entries[slot].Right != right))
        {
            slot = (slot + 1) & (_entries.Length - 1);
        }

        return slot;
    }

    private void Grow()
    {
        Entry[] old = _entries;
        _entries = NewEntries(old.Length * 2);
        foreach (Entry entry in old)
        {
            if (entry.Rank != Free)
            {
                _entries[Slot(entry.Left, entry.Right)] = entry;
            }
        }
    }

    private static Entry[] NewEntries(int count)
    {
        Entry[] entries = new Entry[count];
        Array.Fill(entries, new Entry(0, 0, Free, 0));
        return entries;
    }
}
