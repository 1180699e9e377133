using System.Text.Json;

namespace Camels.Engine.Data;

/// <summary>
/// Reads the JSON values of a file one by one, so that a file is never in memory whole: a value is valid until the next is asked for. Nesting
/// is bounded by <see cref="StrictJson.MaximumDepth"/>, and an object names nothing twice. Anything wrong is exit code 3.
/// </summary>
internal sealed class JsonScanner(DataFile file) : IDisposable
{
    private readonly TextScanner _text = new(file);

    public TextScanner Text => _text;

    public void Dispose() => _text.Dispose();

    /// <summary>The place of the record that begins here.</summary>
    public RecordPlace Place(long record) => new(_text.Name, _text.Line, record);

    /// <summary>
    /// The elements of the array that begins here. The scanner stays at an element's start until the next is asked for; the caller disposes
    /// them.
    /// </summary>
    public IEnumerable<JsonDocument> Elements()
    {
        Take('[');
        for (bool isFirst = true; !IsAtClose(']', isFirst, "after a record", "array"); isFirst = false)
        {
            yield return Value(out int length);
            _text.Consume(length);
        }
    }

    /// <summary>
    /// Steps to the next member's value of the object whose brace was taken and returns its name; null at the object's end. The caller takes
    /// the value.
    /// </summary>
    public string? NextMember(bool isFirst)
    {
        if (IsAtClose('}', isFirst, "after a value", "object"))
        {
            return null;
        }

        if (_text.SkipWhiteSpace() != '"')
        {
            throw _text.Broken("broken JSON: expected a name in quotes");
        }

        string name;
        using (JsonDocument value = Value(out int length))
        {
            name = TextOf(value.RootElement);
            _text.Consume(length);
        }

        Take(':');
        _text.SkipWhiteSpace();
        return name;
    }

    /// <summary>Takes one character, white space before it aside.</summary>
    public void Take(char expected)
    {
        if (_text.SkipWhiteSpace() != expected)
        {
            throw _text.Broken($"broken JSON: expected {expected}");
        }

        _text.Consume(1);
    }

    /// <summary>Takes the value that begins here. The caller disposes it.</summary>
    public JsonDocument Value()
    {
        JsonDocument document = Value(out int length);
        _text.Consume(length);
        return document;
    }

    /// <summary>Reads the value that begins here without taking it, so that errors can still name its line.</summary>
    public JsonDocument Value(out int length)
    {
        length = ValueLength();
        return Parsed(length);
    }

    /// <summary>Reads the line that begins here, one value, without taking it.</summary>
    public JsonDocument LineValue(out int length)
    {
        length = _text.LineLength();
        return Parsed(length);
    }

    // Bytes of the value that begins here, all of them then in the window.
    private int ValueLength()
    {
        while (true)
        {
            try
            {
                JsonReaderState state = new(new JsonReaderOptions { MaxDepth = StrictJson.MaximumDepth });
                Utf8JsonReader reader = new(_text.Window, isFinalBlock: _text.IsLast, state);
                if (reader.Read() && reader.TrySkip())
                {
                    return (int)reader.BytesConsumed;
                }
            }
            catch (JsonException broken)
            {
                throw Broken(broken);
            }

            _text.ReadMore();
        }
    }

    private JsonDocument Parsed(int length)
    {
        _text.RequireUtf8(length);
        try
        {
            return JsonDocument.Parse(_text.First(length), StrictJson.Options);
        }
        catch (JsonException broken)
        {
            throw Broken(broken);
        }
        catch (InvalidOperationException broken)    // an escape such as \ud800 alone
        {
            throw _text.Broken("a name is not well-formed Unicode", _text.Line, _text.Column, broken);
        }
    }

    // Takes the comma before all but the first, or what closes.
    private bool IsAtClose(char close, bool isFirst, string where, string what)
    {
        int next = _text.SkipWhiteSpace();
        if (next == close)
        {
            _text.Consume(1);
            return true;
        }

        if (!isFirst)
        {
            if (next != ',')
            {
                throw _text.Broken(next == -1 ? $"the file ends inside the {what}" : $"expected , or {close} {where}");
            }

            _text.Consume(1);
            _text.SkipWhiteSpace();
        }

        return false;
    }

    private string TextOf(JsonElement name)
    {
        try
        {
            return name.GetString()!;
        }
        catch (InvalidOperationException broken)    // an escape such as \ud800 alone
        {
            throw _text.Broken("a name is not well-formed Unicode", _text.Line, _text.Column, broken);
        }
    }

    // The parser counts lines and bytes from the value's start, which is where the window begins.
    private CamelsException Broken(JsonException broken)
    {
        long lines = broken.LineNumber ?? 0;
        long bytes = broken.BytePositionInLine ?? 0;
        string reason = StrictJson.WithoutPosition(broken.Message).TrimEnd('.');
        return _text.Broken($"broken JSON: {reason}", _text.Line + lines, lines == 0 ? _text.Column + bytes : bytes + 1, broken);
    }
}
