using System.Buffers;
using System.Globalization;
using System.Text.Json;
using System.Text.Unicode;

namespace Camels.Engine.Data;

/// <summary>
/// Streams the objects of JSON data files: one array of objects, or one object a line; the first character tells which. Memory is bounded by
/// the longest record (at most <see cref="MaxRecordBytes"/>), nesting by <see cref="StrictJson.MaximumDepth"/>. Anything wrong is exit code 3.
/// </summary>
internal sealed class JsonRecords : IDisposable
{
    public const int MaxRecordBytes = 64 << 20;

    private const int FirstBufferBytes = 1 << 16;

    private readonly string _path;
    private readonly DatasetInput _input;
    private readonly FileStream _stream;
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(FirstBufferBytes);
    private int _start;
    private int _end;
    private bool _atEndOfFile;
    private long _line = 1;
    private long _column = 1;

    private JsonRecords(string path, DatasetInput input)
    {
        _path = path;
        _input = input;
        _stream = DataFiles.OpenRead(path);
    }

    /// <summary>The records of all files of <paramref name="input"/>, in order.</summary>
    public static IEnumerable<JsonRecord> Read(DatasetInput input)
    {
        long index = 0;
        foreach (string path in input.Files)
        {
            using JsonRecords file = new(path, input);
            long record = 0;
            foreach ((long line, JsonDocument document) in file.Values())
            {
                using (document)
                {
                    RecordPlace place = new(path, line, ++record);
                    yield return document.RootElement.ValueKind == JsonValueKind.Object
                        ? new JsonRecord(place, index++, document.RootElement, Path: "")
                        : throw place.Error($"a record must be an object, this one is {document.RootElement.ValueKind}.");
                }
            }
        }
    }

    public void Dispose()
    {
        _stream.Dispose();
        ArrayPool<byte>.Shared.Return(_buffer);
    }

    private IEnumerable<(long Line, JsonDocument Document)> Values()
    {
        SkipByteOrderMark();
        int first = SkipWhiteSpace();
        return first switch
        {
            -1 => [],
            '[' => ArrayElements(),
            '{' => Lines(),
            _ => throw Broken("expected a JSON array of objects, or one JSON object a line"),
        };
    }

    private IEnumerable<(long Line, JsonDocument Document)> Lines()
    {
        while (SkipWhiteSpace() != -1)
        {
            int length = LineLength();
            yield return (_line, ParseLine(_buffer.AsMemory(_start, length)));
            Consume(length);
        }
    }

    private IEnumerable<(long Line, JsonDocument Document)> ArrayElements()
    {
        Consume(1);
        for (bool isFirst = true; ; isFirst = false)
        {
            int next = SkipWhiteSpace();
            if (next == ']')
            {
                break;
            }

            if (!isFirst)
            {
                if (next != ',')
                {
                    throw Broken(next == -1 ? "the file ends inside the array" : "expected , or ] after a record");
                }

                Consume(1);
                SkipWhiteSpace();
            }

            (JsonDocument document, int length) = ParseElement();
            yield return (_line, document);
            Consume(length);
        }

        Consume(1);
        if (SkipWhiteSpace() != -1)
        {
            throw Broken("there is text after the end of the array");
        }
    }

    private JsonDocument ParseLine(ReadOnlyMemory<byte> line)
    {
        CheckUtf8(line.Span);
        try
        {
            return JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = StrictJson.MaximumDepth });
        }
        catch (JsonException broken)
        {
            throw Broken(broken);
        }
    }

    private (JsonDocument Document, int Length) ParseElement()
    {
        while (true)
        {
            try
            {
                ReadOnlySpan<byte> available = _buffer.AsSpan(_start, _end - _start);
                JsonReaderState state = new(new JsonReaderOptions { MaxDepth = StrictJson.MaximumDepth });
                Utf8JsonReader reader = new(available, isFinalBlock: _atEndOfFile, state);
                if (JsonDocument.TryParseValue(ref reader, out JsonDocument? document))
                {
                    CheckUtf8(available[..(int)reader.BytesConsumed]);
                    return (document, (int)reader.BytesConsumed);
                }
            }
            catch (JsonException broken)
            {
                throw Broken(broken);
            }

            ReadMore();
        }
    }

    // Bytes to the next line feed (not included) or the end of the file.
    private int LineLength()
    {
        int searched = 0;
        while (true)
        {
            int found = _buffer.AsSpan(_start + searched, _end - _start - searched).IndexOf((byte)'\n');
            if (found >= 0)
            {
                return searched + found;
            }

            searched = _end - _start;
            if (_atEndOfFile)
            {
                return searched;
            }

            ReadMore();
        }
    }

    private void SkipByteOrderMark()
    {
        while (_end - _start < 3 && !_atEndOfFile)
        {
            ReadMore();
        }

        if (_buffer.AsSpan(_start, _end - _start).StartsWith("\ufeff"u8))
        {
            _start += 3;
        }
    }

    // The byte after white space, not consumed; -1 at the end of the file.
    private int SkipWhiteSpace()
    {
        while (true)
        {
            ReadOnlySpan<byte> available = _buffer.AsSpan(_start, _end - _start);
            int found = available.IndexOfAnyExcept(" \t\r\n"u8);
            if (found >= 0)
            {
                Consume(found);
                return _buffer[_start];
            }

            Consume(available.Length);
            if (_atEndOfFile)
            {
                return -1;
            }

            ReadMore();
        }
    }

    private void Consume(int bytes)
    {
        ReadOnlySpan<byte> consumed = _buffer.AsSpan(_start, bytes);
        int lastLineFeed = consumed.LastIndexOf((byte)'\n');
        _line += consumed.Count((byte)'\n');
        _column = lastLineFeed < 0 ? _column + bytes : bytes - lastLineFeed;
        _start += bytes;
    }

    private void ReadMore()
    {
        MakeRoom();
        int read;
        try
        {
            read = _stream.Read(_buffer, _end, _buffer.Length - _end);
        }
        catch (IOException failure)
        {
            throw CamelsException.BadInput($"{_path}: cannot be read: {failure.Message}", failure);
        }

        _end += read;
        _atEndOfFile = read == 0;
        _input.CountBytes(read);
    }

    // Moves what is left to the front; a full buffer doubles.
    private void MakeRoom()
    {
        int left = _end - _start;
        if (left > MaxRecordBytes)
        {
            throw Broken($"a record is longer than {MaxRecordBytes >> 20} MiB");
        }

        byte[] target = left > _buffer.Length / 2 ? ArrayPool<byte>.Shared.Rent(_buffer.Length * 2) : _buffer;
        _buffer.AsSpan(_start, left).CopyTo(target);
        if (target != _buffer)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = target;
        }

        (_start, _end) = (0, left);
    }

    private void CheckUtf8(ReadOnlySpan<byte> record)
    {
        if (Utf8.IsValid(record))
        {
            return;
        }

        Utf8.ToUtf16(record, new char[record.Length], out int validBytes, out _, replaceInvalidSequences: false);
        Consume(validBytes);
        throw Broken("invalid UTF-8");
    }

    // The parser counts lines and bytes from the record's start, which is where this reader stands.
    private CamelsException Broken(JsonException broken)
    {
        long lines = broken.LineNumber ?? 0;
        long bytes = broken.BytePositionInLine ?? 0;
        string reason = StrictJson.WithoutPosition(broken.Message).TrimEnd('.');
        return Broken($"broken JSON: {reason}", _line + lines, lines == 0 ? _column + bytes : bytes + 1, broken);
    }

    private CamelsException Broken(string what) => Broken(what, _line, _column, inner: null);

    private CamelsException Broken(string what, long line, long column, Exception? inner) =>
        CamelsException.BadInput(string.Create(CultureInfo.InvariantCulture, $"{_path}, line {line}, column {column}: {what}."), inner);
}
