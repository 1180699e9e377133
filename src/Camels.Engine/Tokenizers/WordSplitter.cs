using System.Globalization;
using System.Text;

namespace Camels.Engine.Tokenizers;

/// <summary>
/// GPT-2's split of a text into words, by hand instead of by its regular expression
/// <c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c>.
/// </summary>
internal static class WordSplitter
{
    private enum Kind : byte
    {
        Other,
        Letter,
        Number,
        Space,
    }

    private static readonly Kind[] _kindOfUnit = BuildKinds();

    /// <summary>The end of the word that starts at <paramref name="start"/>, which is inside the text.</summary>
    public static int WordEnd(ReadOnlySpan<char> text, int start)
    {
        if (text[start] == '\'' && ContractionLength(text[(start + 1)..]) is int length and > 0)
        {
            return start + 1 + length;
        }

        int first = text[start] == ' ' && start + 1 < text.Length ? start + 1 : start;
        Kind kind = KindAt(text, first, out _);
        if (kind != Kind.Space)
        {
            return RunEnd(text, first, kind);
        }

        // White space before a word leaves its last character to that word, or to itself where it is the only one.
        int end = RunEnd(text, start, Kind.Space);
        return end == text.Length || end == start + 1 ? end : end - 1;
    }

    private static int RunEnd(ReadOnlySpan<char> text, int start, Kind kind)
    {
        int end = start;
        while (end < text.Length && KindAt(text, end, out int units) == kind)
        {
            end += units;
        }

        return end;
    }

    private static Kind KindAt(ReadOnlySpan<char> text, int at, out int units)
    {
        units = 1;
        return char.IsSurrogate(text[at]) ? KindOfPair(text[at..], out units) : _kindOfUnit[text[at]];
    }

    // A lone surrogate is encoded as U+FFFD, whose kind is Other.
    private static Kind KindOfPair(ReadOnlySpan<char> text, out int units)
    {
        _ = Rune.DecodeFromUtf16(text, out Rune rune, out units);
        return KindOf(Rune.GetUnicodeCategory(rune));
    }

    private static Kind[] BuildKinds()
    {
        Kind[] kinds = new Kind[0x10000];
        for (int unit = 0; unit < kinds.Length; unit++)
        {
            kinds[unit] = char.IsWhiteSpace((char)unit) ? Kind.Space : KindOf(CharUnicodeInfo.GetUnicodeCategory((char)unit));
        }

        return kinds;
    }

    private static Kind KindOf(UnicodeCategory category) => category switch
    {
        <= UnicodeCategory.OtherLetter => Kind.Letter,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Kind.Number,
        _ => Kind.Other,
    };

    private static int ContractionLength(ReadOnlySpan<char> rest)
    {
        char first = rest.Length > 0 ? rest[0] : '\0';
        char second = rest.Length > 1 ? rest[1] : '\0';
        return (first, second) switch
        {
            ('s' or 't' or 'm' or 'd', _) => 1,
            ('r', 'e') or ('v', 'e') or ('l', 'l') => 2,
            _ => 0,
        };
    }
}
