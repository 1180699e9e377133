using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace Camels.Engine.Data;

/// <summary>
/// A window that moves over a data file's bytes and knows its line and column. Memory is bounded by the longest record (at most
/// <see cref="MaxRecordBytes"/>).
/// </summary>
internal sealed class TextScanner(DataFile file) : IDisposable
{
    public const int MaxRecordBytes = 64 << 20;

    private const int FirstBufferBytes = 1 << 16;

    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(FirstBufferBytes);
    private int _start;
    private int _end;

    /// <summary>Path of the file.</summary>
    public string Name => file.Name;

    /// <summary>The line that the window begins in, from 1.</summary>
    public long Line { get; private set; } = 1;

    /// <summary>The byte in its line that the window begins at, from 1.</summary>
    public long Column { get; private set; } = 1;

    /// <summary>True where the file has nothing behind the window.</summary>
    public bool IsLast { get; private set; }

    /// <summary>The bytes in the window; valid until the next call.</summary>
    public ReadOnlySpan<byte> Window => _buffer.AsSpan(_start, _end - _start);

    public void Dispose() => ArrayPool<byte>.Shared.Return(_buffer);

    /// <summary>The first bytes of the window, for parsers that take no span.</summary>
    public ReadOnlyMemory<byte> First(int bytes) => _buffer.AsMemory(_start, bytes);

    /// <summary>Moves past a byte order mark, if the file begins with one.</summary>
    public void SkipByteOrderMark()
    {
        while (Window.Length < 3 && !IsLast)
        {
            ReadMore();
        }

        if (Window.StartsWith("\ufeff"u8))
        {
            _start += 3;
        }
    }

    /// <summary>Moves past white space; returns the byte that the window then begins with, -1 at the end of the file.</summary>
    public int SkipWhiteSpace()
    {
        while (true)
        {
            ReadOnlySpan<byte> available = Window;
            int found = available.IndexOfAnyExcept(" \t\r\n"u8);
            if (found >= 0)
            {
                Consume(found);
                return _buffer[_start];
            }

            Consume(available.Length);
            if (IsLast)
            {
                return -1;
            }

            ReadMore();
        }
    }

    /// <summary>Bytes to the next line feed (not included) or the end of the file, all of them then in the window.</summary>
    public int LineLength()
    {
        int searched = 0;
        while (true)
        {
            int found = Window[searched..].IndexOf((byte)'\n');
            if (found >= 0)
            {
                return searched + found;
            }

            searched = Window.Length;
            if (IsLast)
            {
                return searched;
            }

            ReadMore();
        }
    }

    /// <summary>The lines from here on, without what ends them. Line and column stay at a line's start until the next is asked for.</summary>
    public IEnumerable<string> Lines()
    {
        SkipByteOrderMark();
        for (int length = LineLength(); !Window.IsEmpty; length = LineLength())
        {
            RequireUtf8(length);
            yield return Encoding.UTF8.GetString(Window[..length].TrimEnd((byte)'\r'));
            Consume(Math.Min(length + 1, Window.Length));
        }
    }

    /// <summary>Moves the window's start.</summary>
    public void Consume(int bytes)
    {
        ReadOnlySpan<byte> consumed = _buffer.AsSpan(_start, bytes);
        int lastLineFeed = consumed.LastIndexOf((byte)'\n');
        if (lastLineFeed < 0)
        {
            Column += bytes;
        }
        else
        {
            Line += consumed.Count((byte)'\n');
            Column = bytes - lastLineFeed;
        }

        _start += bytes;
    }

    /// <summary>Takes more of the file into the window.</summary>
    public void ReadMore()
    {
        MakeRoom();
        int read = file.Read(_buffer.AsSpan(_end));
        _end += read;
        IsLast = read == 0;
    }

    /// <summary>Throws where the window's first bytes are not UTF-8.</summary>
    public void RequireUtf8(int bytes)
    {
        ReadOnlySpan<byte> record = Window[..bytes];
        if (Utf8.IsValid(record))
        {
            return;
        }

        Utf8.ToUtf16(record, new char[record.Length], out int validBytes, out _, replaceInvalidSequences: false);
        Consume(validBytes);
        throw Broken("invalid UTF-8");
    }

    /// <summary>A bad-input error (exit code 3) about where the window begins.</summary>
    public CamelsException Broken(string what) => Broken(what, Line, Column, inner: null);

    /// <summary>A bad-input error (exit code 3) about a place of this file.</summary>
    public CamelsException Broken(string what, long line, long column, Exception? inner) =>
        CamelsException.BadInput(string.Create(CultureInfo.InvariantCulture, $"{Name}, line {line}, column {column}: {what}."), inner);

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
}
