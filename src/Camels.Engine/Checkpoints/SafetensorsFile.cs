using System.IO.MemoryMappedFiles;

namespace Camels.Engine.Checkpoints;

/// <summary>One safetensors file, mapped into memory for reading. Opening it reads and checks the header only.</summary>
public sealed unsafe class SafetensorsFile : IDisposable
{
    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;
    private readonly SafetensorsHeader _header;
    private byte* _start;

    private SafetensorsFile(string path, MemoryMappedFile map, long fileBytes)
    {
        Path = path;
        _map = map;
        _view = map.CreateViewAccessor(0, fileBytes, MemoryMappedFileAccess.Read);
        try
        {
            _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
            int jsonBytes = SafetensorsHeader.JsonBytes(Bytes(0, SafetensorsHeader.LengthBytes), fileBytes, path);
            _header = SafetensorsHeader.Parse(Bytes(SafetensorsHeader.LengthBytes, jsonBytes), fileBytes, path);
            Tensors = [.. _header.Entries.Select(entry => new StoredTensor(this, entry))];
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The tensors, in the order of their data.</summary>
    public IReadOnlyList<StoredTensor> Tensors { get; }

    /// <summary>The text beside the tensors.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _header.Metadata;

    /// <summary>Opens and checks a file.</summary>
    /// <exception cref="CamelsException">It is missing, unreadable or malformed: exit code 3.</exception>
    public static SafetensorsFile Open(string path)
    {
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            long fileBytes = stream.Length;
            if (fileBytes < SafetensorsHeader.LengthBytes)
            {
                // An empty file cannot be mapped.
                throw CamelsException.BadInput($"{path} has {fileBytes} bytes: too short for a safetensors file");
            }

            MemoryMappedFile map = MemoryMappedFile.CreateFromFile(
                stream, mapName: null, capacity: 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
            return new SafetensorsFile(path, map, fileBytes);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw CamelsException.BadInput($"{path} cannot be read: {problem.Message}", problem);
        }
    }

    /// <summary>Bytes of the file, valid until <see cref="Dispose"/>.</summary>
    internal ReadOnlySpan<byte> Bytes(long offset, int count)
    {
        ObjectDisposedException.ThrowIf(_start is null, this);
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
