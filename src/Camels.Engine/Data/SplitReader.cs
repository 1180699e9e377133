using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace Camels.Engine.Data;

/// <summary>
/// Reads a flat array once from start to end through a small buffer, hashing it: a split of many gigabytes is checked without its pages
/// becoming this process's memory.
/// </summary>
internal sealed class SplitReader<T> : IDisposable
    where T : unmanaged
{
    private const int FirstBufferBytes = 1 << 18;

    private readonly SafeFileHandle _file;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private byte[] _buffer = new byte[FirstBufferBytes];
    private int _start;
    private int _end;
    private long _position;

    public SplitReader(string path) => _file = File.OpenHandle(path, options: FileOptions.SequentialScan);

    /// <summary>The next elements, valid until the next call; fewer where the file ends.</summary>
    public ReadOnlySpan<T> Take(int count)
    {
        int bytes = checked(count * Unsafe.SizeOf<T>());
        while (_end - _start < bytes && Fill(bytes))
        {
        }

        int taken = Math.Min(bytes, _end - _start);
        ReadOnlySpan<T> elements = MemoryMarshal.Cast<byte, T>(_buffer.AsSpan(_start, taken));
        _start += taken;
        return elements;
    }

    /// <summary>Reads what is left and returns the checksum of the whole file, lower-case hex.</summary>
    public string Finish()
    {
        do
        {
            _start = _end;
        }
        while (Fill(1));
        return Convert.ToHexStringLower(_hash.GetHashAndReset());
    }

    public void Dispose()
    {
        _file.Dispose();
        _hash.Dispose();
    }

    private bool Fill(int wanted)
    {
        byte[] target = _buffer.Length < wanted ? new byte[Math.Max(wanted, 2 * _buffer.Length)] : _buffer;
        _buffer.AsSpan(_start.._end).CopyTo(target);
        (_start, _end, _buffer) = (0, _end - _start, target);
        int read = RandomAccess.Read(_file, _buffer.AsSpan(_end), _position);
        _hash.AppendData(_buffer, _end, read);
        _position += read;
        _end += read;
        return read > 0;
    }
}
