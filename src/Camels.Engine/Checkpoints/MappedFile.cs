using System.IO.MemoryMappedFiles;

namespace Camels.Engine.Checkpoints;

/// <summary>A file mapped into memory for reading: nothing is read before it is asked for.</summary>
internal sealed unsafe class MappedFile : IDisposable
{
    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;
    private byte* _start;

    private MappedFile(string path, MemoryMappedFile map, long bytes)
    {
        Path = path;
        Length = bytes;
        _map = map;
        _view = map.CreateViewAccessor(0, bytes, MemoryMappedFileAccess.Read);
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Its bytes.</summary>
    public long Length { get; }

    /// <summary>Opens a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="leastBytes">A shorter one is refused; at least 1, because an empty file cannot be mapped.</param>
    /// <param name="kind">What it should be, for messages.</param>
    /// <exception cref="CamelsException">It is missing, unreadable or too short: exit code 3.</exception>
    public static MappedFile Open(string path, int leastBytes, string kind)
    {
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            long bytes = stream.Length;
            if (bytes < leastBytes)
            {
                throw CamelsException.BadInput($"{path} has {bytes} bytes: too short for a {kind}");
            }

            MemoryMappedFile map = MemoryMappedFile.CreateFromFile(
                stream, mapName: null, capacity: 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
            return new MappedFile(path, map, bytes);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw CamelsException.BadInput($"{path} cannot be read: {problem.Message}", problem);
        }
    }

    /// <summary>Bytes of the file, all of which it has; valid until <see cref="Dispose"/>.</summary>
    public ReadOnlySpan<byte> Bytes(long offset, int count)
    {
        ObjectDisposedException.ThrowIf(_start is null, this);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - count);
        return new ReadOnlySpan<byte>(_start + offset, count);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_start is not null)
        {
            _start = null;
            _view.SafeMemoryMappedViewHandle.ReleasePointer();
        }

        _view.Dispose();
        _map.Dispose();
    }
}
