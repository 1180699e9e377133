using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;

namespace Camels.Engine.Checkpoints;

/// <summary>
/// One file that torch.save wrote from a dictionary of tensors, mapped into memory: the zip layout, and the older one of pickles followed by
/// raw storages. Opening it reads the pickles only, with <see cref="PickleReader"/>, which builds tensors and runs nothing.
/// </summary>
public sealed class TorchFile : ITensorFile
{
    /// <summary>The name of the file where a model is in one.</summary>
    public const string SingleFileName = "pytorch_model.bin";

    /// <summary>The name of the index where a model is in many files.</summary>
    public const string IndexName = "pytorch_model.bin.index.json";

    private const int MaximumPickleBytes = 64 << 20;
    private const int LeastBytes = 16;
    private const int LengthBytes = sizeof(long);
    private const long LegacyProtocol = 1001;

    private static readonly BigInteger _legacyMagic = BigInteger.Parse("1950a86a20f9469cfc6c", NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    private readonly MappedFile _file;

    private TorchFile(MappedFile file)
    {
        _file = file;
        IReadOnlyList<(string Name, PickledTensor Tensor)> tensors = ZipDirectory.IsZip(file) ? ReadZip() : ReadLegacy();
        Tensors = [.. tensors.Select(pair => new StoredTensor(file, EntryOf(pair.Name, pair.Tensor)))];
    }

    /// <inheritdoc/>
    public string Path => _file.Path;

    /// <inheritdoc/>
    public IReadOnlyList<StoredTensor> Tensors { get; }

    // First byte and length in the file of each storage.
    private Dictionary<string, (long Offset, long Bytes)> Storages { get; } = new(StringComparer.Ordinal);

    /// <summary>Opens and checks a file.</summary>
    /// <exception cref="CamelsException">It is missing, unreadable or malformed, or its pickle asks for more than tensors: exit code 3.</exception>
    public static TorchFile Open(string path)
    {
        MappedFile file = MappedFile.Open(path, LeastBytes, "PyTorch file");
        try
        {
            return new TorchFile(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private IReadOnlyList<(string Name, PickledTensor Tensor)> ReadZip()
    {
        const string Pickle = "/data.pkl";
        ZipDirectory directory = ZipDirectory.Read(_file);
        string root = directory.Entries.Keys.FirstOrDefault(name => name.IndexOf('/') + Pickle.Length == name.Length && name.EndsWith(Pickle, StringComparison.Ordinal))
            ?? throw CamelsException.BadInput($"{Path} is a zip archive without data.pkl: not a file of torch.save");
        string folder = root[..^"data.pkl".Length];
        if (directory.Entries.TryGetValue(folder + "byteorder", out (long Offset, long Bytes) order)
            && !_file.Bytes(order.Offset, (int)Math.Min(order.Bytes, 16)).SequenceEqual("little"u8))
        {
            throw CamelsException.BadInput($"{Path}: its numbers are not little endian; save it again on a usual machine");
        }

        (long offset, long bytes) = directory.Entries[root];
        PickleReader reader = new(_file.Bytes(offset, (int)Math.Min(bytes, MaximumPickleBytes)), Path);
        IReadOnlyList<(string Name, PickledTensor Tensor)> tensors = reader.ReadTensors();
        foreach (string key in tensors.Select(pair => pair.Tensor.Storage.Key).Distinct(StringComparer.Ordinal))
        {
            Storages[key] = directory.Entries.TryGetValue($"{folder}data/{key}", out (long Offset, long Bytes) storage)
                ? storage
                : throw CamelsException.BadInput($"{Path}: the storage '{Shorten(key)}' is missing; the file is cut short, copy it again");
        }

        return tensors;
    }

    // Four pickles (magic number, protocol, the writer's sizes, the dictionary), one with the keys of the storages, then each storage behind
    // its number of elements.
    private IReadOnlyList<(string Name, PickledTensor Tensor)> ReadLegacy()
    {
        PickleReader reader = new(_file.Bytes(0, (int)Math.Min(_file.Length, MaximumPickleBytes)), Path);
        if (reader.ReadWhole() is not BigInteger magic || magic != _legacyMagic || reader.ReadWhole() is not LegacyProtocol)
        {
            throw CamelsException.BadInput($"{Path} is neither a zip archive nor an older file of torch.save");
        }

        _ = reader.ReadWhole();
        IReadOnlyList<(string Name, PickledTensor Tensor)> tensors = reader.ReadTensors();
        Dictionary<string, PickledStorage> used = [];
        foreach ((_, PickledTensor tensor) in tensors)
        {
            used[tensor.Storage.Key] = tensor.Storage;
        }

        long offset = 0;
        foreach (string key in reader.ReadNames())
        {
            offset = offset == 0 ? reader.Position : offset;
            long elements = offset <= _file.Length - LengthBytes ? BinaryPrimitives.ReadInt64LittleEndian(_file.Bytes(offset, LengthBytes)) : -1;
            PickledStorage storage = used.GetValueOrDefault(key)
                ?? throw CamelsException.BadInput($"{Path}: the storage '{Shorten(key)}' belongs to no tensor, so its size is unknown");
            if (elements != storage.Elements || storage.Bytes > _file.Length - offset - LengthBytes)
            {
                throw CamelsException.BadInput(
                    $"{Path}: the storage '{Shorten(key)}' of {storage.Elements} elements is not whole; the file is cut short, copy it again");
            }

            Storages[key] = (offset + LengthBytes, storage.Bytes);
            offset += LengthBytes + storage.Bytes;
        }

        return tensors;
    }

    private StoredEntry EntryOf(string name, PickledTensor tensor)
    {
        int elementBytes = tensor.Storage.Type.Bytes();
        long bytes = tensor.Elements * elementBytes;
        long start = tensor.FirstElement * elementBytes;
        bool isThere = Storages.TryGetValue(tensor.Storage.Key, out (long Offset, long Bytes) storage) && start + bytes <= storage.Bytes;
        return isThere
            ? new StoredEntry(name, tensor.Storage.Type, tensor.Shape, storage.Offset + start, bytes)
            : throw CamelsException.BadInput(
                $"{Path}: tensor '{Shorten(name)}' ends at byte {start + bytes} of a storage of {storage.Bytes}; the file is cut short, copy it again");
    }

    private static string Shorten(string text) => text.Length <= 100 ? text : text[..100] + "…";
}
