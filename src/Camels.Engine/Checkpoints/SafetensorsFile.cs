namespace Camels.Engine.Checkpoints;

/// <summary>One safetensors file, mapped into memory for reading. Opening it reads and checks the header only.</summary>
public sealed class SafetensorsFile : ITensorFile
{
    private readonly MappedFile _file;
    private readonly SafetensorsHeader _header;

    private SafetensorsFile(MappedFile file)
    {
        _file = file;
        int jsonBytes = SafetensorsHeader.JsonBytes(file.Bytes(0, SafetensorsHeader.LengthBytes), file.Length, file.Path);
        _header = SafetensorsHeader.Parse(file.Bytes(SafetensorsHeader.LengthBytes, jsonBytes), file.Length, file.Path);
        Tensors = [.. _header.Entries.Select(entry => new StoredTensor(file, entry))];
    }

    /// <inheritdoc/>
    public string Path => _file.Path;

    /// <inheritdoc/>
    public IReadOnlyList<StoredTensor> Tensors { get; }

    /// <summary>The text beside the tensors.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _header.Metadata;

    /// <summary>Opens and checks a file.</summary>
    /// <exception cref="CamelsException">It is missing, unreadable or malformed: exit code 3.</exception>
    public static SafetensorsFile Open(string path)
    {
        MappedFile file = MappedFile.Open(path, SafetensorsHeader.LengthBytes, "safetensors file");
        try
        {
            return new SafetensorsFile(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();
}
