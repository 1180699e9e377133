using System.Security.Cryptography;
using Camels.Kernels.Interop;

namespace Camels.Engine;

/// <summary>A file that was written: its path relative to the folder (with slashes), length and SHA-256 (lower-case hex).</summary>
public sealed record WrittenFile(string Path, long Bytes, string Sha256);

/// <summary>Gives the next bytes of what is written: called with offsets that follow each other, from 0, until every byte has been asked for.</summary>
/// <param name="byteOffset">Where they lie in the whole; a multiple of 4 MiB.</param>
/// <param name="bytes">To be filled entirely.</param>
public delegate void ByteSource(long byteOffset, Span<byte> bytes);

/// <summary>A new file, written from start to end, digested on the way and flushed to the disk when finished.</summary>
public sealed class FileToWrite : IDisposable
{
    private const int ChunkBytes = 4 << 20;
    private readonly FileStream _stream;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly string _relativePath;
    private readonly ICollection<WrittenFile> _written;
    private byte[] _filling = [];
    private byte[] _digesting = [];
    private Task _digest = Task.CompletedTask;

    internal FileToWrite(string path, string relativePath, ICollection<WrittenFile> written)
    {
        _stream = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
        _relativePath = relativePath;
        _written = written;
    }

    /// <summary>Appends bytes.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        _digest.Wait();
        _hash.AppendData(bytes);
        Write(bytes);
    }

    /// <summary>Appends what <paramref name="source"/> gives, chunk by chunk; one chunk is digested while the next is made.</summary>
    public void Append(long byteCount, ByteSource source)
    {
        for (long offset = 0; offset < byteCount; offset += ChunkBytes)
        {
            int count = (int)Math.Min(ChunkBytes, byteCount - offset);
            Reserve(count);
            byte[] chunk = _filling;
            source(offset, chunk.AsSpan(0, count));
            _digest.Wait();
            _digest = Task.Run(() => _hash.AppendData(chunk, 0, count));
            (_filling, _digesting) = (_digesting, _filling);
            Write(chunk.AsSpan(0, count));
        }
    }

    /// <summary>Returns when the bytes are on the disk; the file is then listed as written.</summary>
    public void Finish()
    {
        _digest.Wait();
        DiskFlush.File(_stream);
        _written.Add(new WrittenFile(_relativePath, _stream.Length, Convert.ToHexStringLower(_hash.GetHashAndReset())));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _digest.Wait();
        _hash.Dispose();
        _stream.Dispose();
    }

    private void Write(ReadOnlySpan<byte> bytes)
    {
        try
        {
            _stream.Write(bytes);
        }
        catch (ArgumentOutOfRangeException problem)
        {
            // This is how .NET reports EFBIG.
            throw new IOException($"{_relativePath} may not have more than {_stream.Position} bytes: a limit of the file system or of ulimit -f", problem);
        }
    }

    private void Reserve(int count)
    {
        if (_filling.Length < count)
        {
            _filling = new byte[count];
        }
    }
}
