namespace Camels.Engine.Data;

/// <summary>
/// The words of a text for comparisons: runs of letters and digits, lower-cased, as hashes. Punctuation, case and white space make no
/// difference.
/// </summary>
internal static class TextWords
{
    private const uint Basis = 2166136261;
    private const uint Prime = 16777619;

    /// <summary>Appends the words' hashes.</summary>
    public static void Append(ReadOnlySpan<char> text, List<uint> words)
    {
        uint hash = Basis;
        bool isInWord = false;
        foreach (char unit in text)
        {
            char lower = char.IsAscii(unit) ? (char)(char.IsAsciiLetterUpper(unit) ? unit | 0x20 : unit) : char.ToLowerInvariant(unit);
            if (char.IsAscii(lower) ? char.IsAsciiLetterOrDigit(lower) : char.IsLetterOrDigit(lower) || char.IsSurrogate(lower))
            {
                hash = (hash ^ lower) * Prime;
                isInWord = true;
            }
            else if (isInWord)
            {
                words.Add(hash);
                (hash, isInWord) = (Basis, false);
            }
        }

        if (isInWord)
        {
            words.Add(hash);
        }
    }

    /// <summary>The hash of a run of words.</summary>
    public static ulong HashOf(ReadOnlySpan<uint> words)
    {
        ulong hash = (ulong)words.Length;
        foreach (uint word in words)
        {
            hash = RandomBits.Mix(hash ^ word);
        }

        return hash;
    }
}
