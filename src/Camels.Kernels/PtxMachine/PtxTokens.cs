using System.Globalization;

namespace Camels.Kernels;

/// <summary>What a token is.</summary>
internal enum PtxTokenKind
{
    /// <summary>The text is over.</summary>
    End,

    /// <summary>A directive, instruction, name, register or label.</summary>
    Word,

    /// <summary>A number as written: decimal, 0x, 0f, 0d.</summary>
    Number,

    /// <summary>One character.</summary>
    Mark,
}

/// <summary>Cuts PTX into tokens, one at a time, and knows the line.</summary>
internal sealed class PtxTokens
{
    private readonly string _text;
    private readonly string _file;
    private int _position;
    private int _line = 1;

    public PtxTokens(string text, string file)
    {
        _text = text;
        _file = file;
        Next();
    }

    public PtxTokenKind Kind { get; private set; }

    /// <summary>The token as written; empty at the end.</summary>
    public string Text { get; private set; } = "";

    /// <summary>The line of the token, from 1.</summary>
    public int Line { get; private set; }

    public bool Is(char mark) => Kind == PtxTokenKind.Mark && Text[0] == mark;

    public bool Is(string word) => Kind == PtxTokenKind.Word && Text == word;

    public void Next()
    {
        SkipSpace();
        Line = _line;
        if (_position >= _text.Length)
        {
            Kind = PtxTokenKind.End;
            Text = "";
            return;
        }

        int start = _position;
        char first = _text[_position];
        if (char.IsAsciiDigit(first))
        {
            Kind = PtxTokenKind.Number;
            AdvanceWhile(character => char.IsAsciiLetterOrDigit(character));
        }
        else if (IsWord(first))
        {
            Kind = PtxTokenKind.Word;
            AdvanceOverWord();
        }
        else
        {
            Kind = PtxTokenKind.Mark;
            _position++;
        }

        Text = _text[start.._position];
    }

    /// <summary>Takes the mark that must be here.</summary>
    public void Expect(char mark)
    {
        if (!Is(mark))
        {
            throw Error($"expected '{mark}', found {Describe()}");
        }

        Next();
    }

    /// <summary>Takes the mark if it is here.</summary>
    public bool Accept(char mark)
    {
        bool isHere = Is(mark);
        if (isHere)
        {
            Next();
        }

        return isHere;
    }

    /// <summary>Takes the word that must be here.</summary>
    public string ExpectWord(string meaning)
    {
        if (Kind != PtxTokenKind.Word)
        {
            throw Error($"expected {meaning}, found {Describe()}");
        }

        string word = Text;
        Next();
        return word;
    }

    /// <summary>Takes a number that fits a non-negative int.</summary>
    public int ExpectCount(string meaning, int most)
    {
        long value = Kind == PtxTokenKind.Number && TryInteger(Text, out ulong bits) && bits <= (ulong)most ? (long)bits : -1;
        if (value < 0)
        {
            throw Error($"expected {meaning} from 0 to {most}, found {Describe()}");
        }

        Next();
        return (int)value;
    }

    public PtxException Error(string message) => new(PtxFault.Malformed, $"{_file}:{Line}: {message}");

    public string Describe() => Kind == PtxTokenKind.End ? "the end of the text" : $"'{Shorten(Text)}'";

    /// <summary>An integer as PTX writes it: decimal, 0x or 0b or octal with a leading 0, with or without a U at the end.</summary>
    public static bool TryInteger(string text, out ulong value)
    {
        ReadOnlySpan<char> digits = text.AsSpan().TrimEnd('U');
        if (digits.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
        {
            return ulong.TryParse(digits[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
        }

        if (digits.StartsWith("0b", StringComparison.OrdinalIgnoreCase))
        {
            return ulong.TryParse(digits[2..], NumberStyles.AllowBinarySpecifier, CultureInfo.InvariantCulture, out value);
        }

        if (digits.Length > 1 && digits[0] == '0')
        {
            return TryOctal(digits, out value);
        }

        return ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out value);
    }

    internal static string Shorten(string text) => text.Length <= 60 ? text : $"{text[..57]}...";

    private static bool TryOctal(ReadOnlySpan<char> digits, out ulong value)
    {
        value = 0;
        foreach (char digit in digits)
        {
            if (digit is < '0' or > '7' || value >> 61 != 0)
            {
                return false;
            }

            value = (value << 3) | (uint)(digit - '0');
        }

        return true;
    }

    private static bool IsWord(char character) => char.IsAsciiLetterOrDigit(character) || character is '_' or '$' or '%' or '.';

    private void AdvanceWhile(Func<char, bool> accepts)
    {
        while (_position < _text.Length && accepts(_text[_position]))
        {
            _position++;
        }
    }

    // A double colon is part of a word (shared::cta), a single one ends a label.
    private void AdvanceOverWord()
    {
        while (_position < _text.Length)
        {
            if (IsWord(_text[_position]))
            {
                _position++;
            }
            else if (_position + 2 < _text.Length && _text[_position] == ':' && _text[_position + 1] == ':' && IsWord(_text[_position + 2]))
            {
                _position += 2;
            }
            else
            {
                return;
            }
        }
    }

    private void SkipSpace()
    {
        while (_position < _text.Length)
        {
            char character = _text[_position];
            if (character == '\n')
            {
                _line++;
                _position++;
            }
            else if (char.IsWhiteSpace(character) || character == '\0')
            {
                _position++;
            }
            else if (character == '/' && _position + 1 < _text.Length && _text[_position + 1] == '/')
            {
                int end = _text.IndexOf('\n', _position);
                _position = end < 0 ? _text.Length : end;
            }
            else if (character == '/' && _position + 1 < _text.Length && _text[_position + 1] == '*')
            {
                SkipBlockComment();
            }
            else
            {
                return;
            }
        }
    }

    private void SkipBlockComment()
    {
        int end = _text.IndexOf("*/", _position + 2, StringComparison.Ordinal);
        int stop = end < 0 ? _text.Length : end + 2;
        _line += _text.AsSpan(_position, stop - _position).Count('\n');
        _position = stop;
    }
}
