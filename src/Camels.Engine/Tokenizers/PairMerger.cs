namespace Camels.Engine.Tokenizers;

/// <summary>
/// Byte-pair encoding of one word: joins the pair of lowest rank, the leftmost among equals, until no pair of the table is left. A linked
/// list and a heap: n log n for a word of n symbols. Holds scratch memory, so one belongs to one thread.
/// </summary>
internal sealed class PairMerger(MergeTable merges)
{
    private const int None = -1;

    private int[] _symbols = [];
    private int[] _next = [];
    private int[] _previous = [];
    private int[] _rank = [];       // of the pair that starts here
    private int[] _joined = [];     // what that pair becomes
    private ulong[] _heap = [];     // rank << 32 | position of the left symbol; an entry whose rank is no longer the pair's is stale
    private int _heapCount;

    /// <summary>Where the caller writes the symbols of a word before <see cref="Merge"/>.</summary>
    public int[] Symbols(int capacity)
    {
        if (_symbols.Length < capacity)
        {
            int length = Math.Max(capacity, 256);
            _symbols = new int[length];
            _next = new int[length];
            _previous = new int[length];
            _rank = new int[length];
            _joined = new int[length];
            _heap = new ulong[3 * length];  // one entry a pair, and two more for each of at most n - 1 merges
        }

        return _symbols;
    }

    /// <summary>Merges the first <paramref name="count"/> symbols and returns what is left of them.</summary>
    public ReadOnlySpan<int> Merge(int count)
    {
        _heapCount = 0;
        for (int i = 0; i < count; i++)
        {
            _previous[i] = i - 1;
            _next[i] = i + 1 < count ? i + 1 : None;
        }

        for (int i = 0; i < count; i++)
        {
            Consider(i);
        }

        while (_heapCount > 0)
        {
            ulong best = Pop();
            int left = (int)(uint)best;
            if (_rank[left] == (int)(best >> 32))
            {
                Join(left);
            }
        }

        return Compact(count);
    }

    /// <summary>Gives the scratch memory back where it has grown beyond a number of symbols.</summary>
    public void Trim(int symbols)
    {
        if (_symbols.Length > symbols)
        {
            _symbols = _next = _previous = _rank = _joined = [];
            _heap = [];
        }
    }

    private void Join(int left)
    {
        int right = _next[left];
        int after = _next[right];
        _symbols[left] = _joined[left];
        _rank[right] = None;
        _next[left] = after;
        if (after != None)
        {
            _previous[after] = left;
        }

        Consider(left);
        if (_previous[left] != None)
        {
            Consider(_previous[left]);
        }
    }

    private void Consider(int left)
    {
        int right = _next[left];
        _rank[left] = None;
        if (right != None && merges.TryFind(_symbols[left], _symbols[right], out int rank, out int joined))
        {
            _rank[left] = rank;
            _joined[left] = joined;
            Push(((ulong)(uint)rank << 32) | (uint)left);
        }
    }

    // A symbol never moves left of its own start, so the survivors can be closed up in place.
    private ReadOnlySpan<int> Compact(int count)
    {
        int kept = 0;
        for (int i = count > 0 ? 0 : None; i != None; i = _next[i])
        {
            _symbols[kept++] = _symbols[i];
        }

        return _symbols.AsSpan(0, kept);
    }

    private void Push(ulong entry)
    {
        int at = _heapCount++;
        while (at > 0 && _heap[(at - 1) / 2] > entry)
        {
            _heap[at] = _heap[(at - 1) / 2];
            at = (at - 1) / 2;
        }

        _heap[at] = entry;
    }

    private ulong Pop()
    {
        ulong top = _heap[0];
        ulong last = _heap[--_heapCount];
        int at = 0;
        while (2 * at + 1 < _heapCount)
        {
            int child = 2 * at + 1;
            child += child + 1 < _heapCount && _heap[child + 1] < _heap[child] ? 1 : 0;
            if (_heap[child] >= last)
            {
                break;
            }

            _heap[at] = _heap[child];
            at = child;
        }

        _heap[at] = last;
        return top;
    }
}
