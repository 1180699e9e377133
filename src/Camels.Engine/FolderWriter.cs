namespace Camels.Engine;

/// <summary>Writes the files of a folder that <see cref="AtomicFolder"/> completes, and lists them.</summary>
public sealed class FolderWriter
{
    private readonly string _prefix;
    private readonly List<WrittenFile> _written;

    internal FolderWriter(string root)
        : this(root, prefix: "", written: [])
    {
    }

    private FolderWriter(string root, string prefix, List<WrittenFile> written)
    {
        Path = root;
        _prefix = prefix;
        _written = written;
    }

    /// <summary>The folder, under its temporary name.</summary>
    public string Path { get; }

    /// <summary>Every file finished so far, those of subfolders included; paths are relative to the outermost folder.</summary>
    public IReadOnlyList<WrittenFile> Written => _written;

    /// <summary>A folder inside this one.</summary>
    public FolderWriter Subfolder(string name)
    {
        Directory.CreateDirectory(System.IO.Path.Combine(Path, name));
        return new FolderWriter(System.IO.Path.Combine(Path, name), _prefix + name + "/", _written);
    }

    /// <summary>A new file; the caller appends, finishes and disposes it.</summary>
    public FileToWrite Create(string name) => new(System.IO.Path.Combine(Path, name), _prefix + name, _written);

    /// <summary>A whole small file.</summary>
    public void WriteFile(string name, ReadOnlySpan<byte> bytes)
    {
        using FileToWrite file = Create(name);
        file.Append(bytes);
        file.Finish();
    }
}
