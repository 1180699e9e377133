namespace Camels.Engine.Tokenizers;

/// <summary>What one kind of byte-pair encoding starts from and ends with.</summary>
internal interface IWordSymbols
{
    /// <summary>At least the number of symbols that <see cref="Split"/> gives.</summary>
    int MostSymbols(ReadOnlySpan<char> word);

    /// <summary>Writes the symbols that a word is built of before any merge and returns their number.</summary>
    int Split(ReadOnlySpan<char> word, Span<int> symbols);

    /// <summary>The ids of merged symbols; may be the symbols themselves or lie in <paramref name="scratch"/>.</summary>
    ReadOnlySpan<int> ToIds(ReadOnlySpan<int> symbols, ref int[] scratch);
}

/// <summary>Words to ids, remembering recent words. Holds scratch memory, so one belongs to one thread.</summary>
internal sealed class WordEncoder(IWordSymbols symbols, MergeTable merges)
{
    private const int KeptSymbols = 1 << 16;

    private readonly WordCache _cache = new();
    private readonly PairMerger _merger = new(merges);
    private int[] _scratch = new int[4 * WordCache.LongestWord];

    /// <summary>Appends the ids of <paramref name="word"/>, which is not empty.</summary>
    public void Encode(ReadOnlySpan<char> word, List<int> ids)
    {
        if (word.Length > WordCache.LongestWord)
        {
            ids.AddRange(Compute(word));
            Trim();
            return;
        }

        if (!_cache.TryFind(word, out int slot, out ReadOnlySpan<int> known))
        {
            known = Compute(word);
            _cache.Set(slot, word, known);
        }

        ids.AddRange(known);
    }

    private ReadOnlySpan<int> Compute(ReadOnlySpan<char> word)
    {
        int[] working = _merger.Symbols(capacity: symbols.MostSymbols(word));
        int count = symbols.Split(word, working);
        return symbols.ToIds(_merger.Merge(count), ref _scratch);
    }

    // Gives back the memory that an unusually long word needed.
    private void Trim()
    {
        _merger.Trim(KeptSymbols);
        if (_scratch.Length > KeptSymbols)
        {
            _scratch = [];
        }
    }
}
