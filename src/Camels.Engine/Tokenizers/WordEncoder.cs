namespace Camels.Engine.Tokenizers;

/// <summary>What one kind of byte-pair encoding starts from and ends with.</summary>
internal interface IWordSymbols
{
    /// <summary>The most symbols that one UTF-16 unit of a word can give.</summary>
    int MostSymbolsPerUnit { get; }

    /// <summary>Writes the symbols that a word is built of before any merge and returns their number.</summary>
    int Split(ReadOnlySpan<char> word, Span<int> symbols);

    /// <summary>The ids of merged symbols; may be the symbols themselves or lie in <paramref name="scratch"/>.</summary>
    ReadOnlySpan<int> ToIds(ReadOnlySpan<int> symbols, ref int[] scratch);
}

/// <summary>Words to ids, remembering recent words. Holds scratch memory, so one belongs to one thread.</summary>
internal sealed class WordEncoder(IWordSymbols symbols, MergeTable merges)
{
    private readonly WordCache _cache = new();
    private readonly PairMerger _merger = new(merges);
    private int[] _scratch = new int[4 * WordCache.LongestWord];

    /// <summary>Appends the ids of <paramref name="word"/>, which is not empty.</summary>
    public void Encode(ReadOnlySpan<char> word, List<int> ids)
    {
        if (word.Length > WordCache.LongestWord)
        {
            int[] scratch = [];
            ids.AddRange(Compute(word, ref scratch));
            _merger.Trim();
            return;
        }

        if (!_cache.TryFind(word, out int slot, out ReadOnlySpan<int> known))
        {
            known = Compute(word, ref _scratch);
            _cache.Set(slot, word, known);
        }

        ids.AddRange(known);
    }

    private ReadOnlySpan<int> Compute(ReadOnlySpan<char> word, ref int[] scratch)
    {
        int[] working = _merger.Symbols(capacity: symbols.MostSymbolsPerUnit * word.Length);
        int count = symbols.Split(word, working);
        return symbols.ToIds(_merger.Merge(count), ref scratch);
    }
}
