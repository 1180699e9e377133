using System.Buffers;

namespace Camels.Engine.Data;

/// <summary>Signs that a text is not what its author wrote.</summary>
[Flags]
internal enum TextFlaws
{
    None = 0,

    /// <summary>U+0000.</summary>
    Nul = 1,

    /// <summary>Control characters other than line ends and tabs, or code points that are no characters.</summary>
    Control = 2,

    /// <summary>UTF-8 that was read as Windows-1252 or Latin-1 ("Ã©" for "é"), or U+FFFD where bytes were lost.</summary>
    Mojibake = 4,
}

/// <summary>Finds them.</summary>
internal static class TextFlawFinder
{
    private const char Replacement = '\ufffd';

    // What Windows-1252 has where Latin-1 has control characters, from 0x80 on; U+0000 where it has nothing.
    private const string Windows1252 =
        "\u20ac\0\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\0\u017d\0\0\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\0\u017e\u0178";

    private static readonly SearchValues<char> _flawed = SearchValues.Create(
        [.. Enumerable.Range(0, 0xA0).Select(unit => (char)unit).Where(unit => char.IsControl(unit) && unit is < '\t' or > '\r'),
            Replacement, '\ufffe', '\uffff']);

    public static TextFlaws Of(ReadOnlySpan<Message> messages)
    {
        TextFlaws flaws = TextFlaws.None;
        foreach (Message message in messages)
        {
            flaws |= Of(message.Content);
        }

        return flaws;
    }

    public static TextFlaws Of(ReadOnlySpan<char> text)
    {
        TextFlaws flaws = IsMisread(text) ? TextFlaws.Mojibake : TextFlaws.None;
        for (ReadOnlySpan<char> rest = text; rest.IndexOfAny(_flawed) is int at and >= 0; rest = rest[(at + 1)..])
        {
            flaws |= rest[at] switch
            {
                '\0' => TextFlaws.Nul,
                Replacement => TextFlaws.Mojibake,
                _ => TextFlaws.Control,
            };
        }

        return flaws;
    }

    // Sequences of UTF-8 among characters that are one byte each in Windows-1252. Some cannot be anything else ("Ã©", "â€™", "ðŸ"); of the
    // others (a Greek or Cyrillic pair, a CJK triple) two must follow each other. A non-breaking space is no evidence: French has é, it, ».
    private static bool IsMisread(ReadOnlySpan<char> text)
    {
        int weakEnd = -1;
        for (int i = text.IndexOfAnyInRange('\u00c2', '\u00f4'); i >= 0 && i + 1 < text.Length;)
        {
            int length = SequenceAt(text[i..]);
            if (length > 0)
            {
                char lead = text[i];
                bool isStrong = lead is '\u00c2' or '\u00c3' or '\u00f0' || (lead == '\u00e2' && text[i + 1] is '\u20ac' or '\u0080')
                    || text[i..].StartsWith("\u00ef\u00bb\u00bf");
                if (isStrong || weakEnd == i)
                {
                    return true;
                }

                weakEnd = i + length;
            }

            i += Math.Max(1, length);
            int next = text[i..].IndexOfAnyInRange('\u00c2', '\u00f4');
            i = next < 0 ? -1 : i + next;
        }

        return false;
    }

    // The length of the UTF-8 sequence that starts the text, 0 where none does.
    private static int SequenceAt(ReadOnlySpan<char> text)
    {
        int length = text[0] switch
        {
            < '\u00e0' => 2,
            < '\u00f0' => 3,
            _ => 4,
        };
        if (text.Length < length || (length > 2 && text[1] == '\u00a0'))
        {
            return 0;
        }

        foreach (char unit in text[1..length])
        {
            if (unit is not (>= '\u0080' and <= '\u00bf') && (unit == '\0' || !Windows1252.Contains(unit, StringComparison.Ordinal)))
            {
                return 0;
            }
        }

        return length;
    }
}
