namespace Camels.Engine.Data;

/// <summary>Text rules that the published datasets and templates rest on.</summary>
internal static class PlainText
{
    /// <summary>
    /// <paramref name="text"/> without surrounding white space, as Python's str.strip defines it: Unicode white space and U+001C to U+001F,
    /// which .NET's Trim leaves.
    /// </summary>
    public static ReadOnlySpan<char> Strip(ReadOnlySpan<char> text)
    {
        int start = 0;
        while (start < text.Length && IsSpace(text[start]))
        {
            start++;
        }

        return StripEnd(text[start..]);
    }

    /// <summary>The same at the end only.</summary>
    public static ReadOnlySpan<char> StripEnd(ReadOnlySpan<char> text)
    {
        int end = text.Length;
        while (end > 0 && IsSpace(text[end - 1]))
        {
            end--;
        }

        return text[..end];
    }

    private static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\u001c' and <= '\u001f';
}
