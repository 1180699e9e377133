using System.IO.MemoryMappedFiles;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Camels.Kernels.Interop;

namespace Camels.Engine.Data;

/// <summary>Size and checksum of a finished file.</summary>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">Of its bytes, lower-case hex.</param>
public sealed record FileSeal(long Bytes, string Sha256);

/// <summary>
/// Writes a flat array of <typeparamref name="T"/> (little-endian, no header) to a new file, hashing as it goes. A full or unwritable disk is
/// exit code 5.
/// </summary>
internal sealed class TokenFileWriter<T> : IDisposable
    where T : unmanaged
{
    private const int BufferBytes = 1 << 16;

    private readonly string _path;
    private readonly FileStream _stream;
    private readonly IncrementalHash? _hash;
    private readonly byte[] _buffer = new byte[BufferBytes];
    private int _buffered;
    private long _bytes;

    /// <param name="path">The file, which must not exist.</param>
    /// <param name="isTemporary">True: neither hashed nor flushed to the disk.</param>
    public TokenFileWriter(string path, bool isTemporary = false)
    {
        _path = path;
        _hash = isTemporary ? null : IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        _stream = Guarded(() => new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0));
    }

    /// <summary>Elements written so far.</summary>
    public long Count => (_bytes + _buffered) / Unsafe.SizeOf<T>();

    public void Write(T value) => Write(new ReadOnlySpan<T>(ref value));

    public void Write(ReadOnlySpan<T> values)
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(values);
        while (!bytes.IsEmpty)
        {
            int taken = Math.Min(bytes.Length, BufferBytes - _buffered);
            bytes[..taken].CopyTo(_buffer.AsSpan(_buffered));
            _buffered += taken;
            bytes = bytes[taken..];
            if (_buffered == BufferBytes)
            {
                WriteBuffer();
            }
        }
    }

    /// <summary>Writes what is buffered.</summary>
    public void End() => WriteBuffer();

    /// <summary>Writes what is buffered, down to the disk.</summary>
    public FileSeal Seal()
    {
        WriteBuffer();
        Guarded(() =>
        {
            DiskFlush.File(_stream);
            return true;
        });
        return new FileSeal(_bytes, Convert.ToHexStringLower(_hash!.GetHashAndReset()));
    }

    public void Dispose()
    {
        _stream.Dispose();
        _hash?.Dispose();
    }

    private void WriteBuffer()
    {
        _hash?.AppendData(_buffer.AsSpan(0, _buffered));
        Guarded(() =>
        {
            _stream.Write(_buffer, 0, _buffered);
            return true;
        });
        _bytes += _buffered;
        _buffered = 0;
    }

    private TResult Guarded<TResult>(Func<TResult> write)
    {
        try
        {
            return write();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException)   // the last is EFBIG
        {
            throw CamelsException.RunFailed($"{_path}: cannot be written: {failure.Message}", failure);
        }
    }
}

/// <summary>A flat array of <typeparamref name="T"/> in a memory-mapped file.</summary>
internal sealed unsafe class TokenFile<T> : IDisposable
    where T : unmanaged
{
    private readonly MemoryMappedFile? _file;
    private readonly MemoryMappedViewAccessor? _view;
    private readonly T* _elements;

    /// <param name="path">A file whose length was checked by the caller.</param>
    /// <param name="bytes">Its length.</param>
    public TokenFile(string path, long bytes)
    {
        Count = bytes / Unsafe.SizeOf<T>();
        if (bytes == 0)
        {
            return;
        }

        _file = MemoryMappedFile.CreateFromFile(path, FileMode.Open, mapName: null, capacity: 0, MemoryMappedFileAccess.Read);
        _view = _file.CreateViewAccessor(offset: 0, bytes, MemoryMappedFileAccess.Read);
        byte* start = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        _elements = (T*)start;
    }

    /// <summary>Number of elements.</summary>
    public long Count { get; }

    public ReadOnlySpan<T> Slice(long start, int count)
    {
        if (start < 0 || count < 0 || start + count > Count)
        {
            throw new ArgumentOutOfRangeException(nameof(start));
        }

        return new ReadOnlySpan<T>(_elements + start, count);
    }

    public T this[long index] => Slice(index, 1)[0];

    public void Dispose()
    {
        if (_view is not null)
        {
            _view.SafeMemoryMappedViewHandle.ReleasePointer();
            _view.Dispose();
        }

        _file?.Dispose();
    }
}
