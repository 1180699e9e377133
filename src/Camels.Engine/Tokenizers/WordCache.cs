namespace Camels.Engine.Tokenizers;

/// <summary>
/// The ids of recently seen words. Direct-mapped, so its memory is fixed (1.3 MB) and a new word simply takes the place of an old one.
/// Belongs to one thread.
/// </summary>
internal sealed class WordCache
{
    /// <summary>Longer words, in UTF-16 units, are not kept.</summary>
    public const int LongestWord = 24;

    private const int Slots = 1 << 14;
    private const int MostIds = 8;

    private readonly char[] _words = new char[Slots * LongestWord];
    private readonly int[] _ids = new int[Slots * MostIds];
    private readonly byte[] _lengths = new byte[Slots];     // 0: free
    private readonly byte[] _counts = new byte[Slots];

    /// <summary>The place of a word of at most <see cref="LongestWord"/> units, and whether its ids are there.</summary>
    public bool TryFind(ReadOnlySpan<char> word, out int slot, out ReadOnlySpan<int> ids)
    {
        slot = string.GetHashCode(word) & (Slots - 1);
        ids = _ids.AsSpan(slot * MostIds, _counts[slot]);
        return word.SequenceEqual(_words.AsSpan(slot * LongestWord, _lengths[slot]));
    }

    /// <summary>Keeps the ids of a word in the place that <see cref="TryFind"/> named, unless they are too many.</summary>
    public void Set(int slot, ReadOnlySpan<char> word, ReadOnlySpan<int> ids)
    {
        if (ids.Length <= MostIds)
        {
            word.CopyTo(_words.AsSpan(slot * LongestWord));
            ids.CopyTo(_ids.AsSpan(slot * MostIds));
            _lengths[slot] = (byte)word.Length;
            _counts[slot] = (byte)ids.Length;
        }
    }
}
