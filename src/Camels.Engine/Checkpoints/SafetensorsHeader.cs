using System.Buffers.Binary;
using System.Text.Json;

namespace Camels.Engine.Checkpoints;

/// <summary>Where a tensor lies in a safetensors file, checked against the file.</summary>
/// <param name="Name">Its name, unique in the file.</param>
/// <param name="Type">The type of its elements.</param>
/// <param name="Shape">Its sizes; empty for a scalar.</param>
/// <param name="ByteOffset">Its first byte, from the start of the file.</param>
/// <param name="ByteCount">The product of <paramref name="Shape"/> times the size of an element.</param>
public sealed record StoredEntry(string Name, StoredType Type, long[] Shape, long ByteOffset, long ByteCount);

/// <summary>
/// The header of a safetensors file: 8 bytes with its length (little endian), then JSON that maps names to dtype, shape and
/// data_offsets, then the data. Whatever the file says is checked before anybody relies on it.
/// </summary>
public sealed class SafetensorsHeader
{
    /// <summary>The bytes that hold the header's length.</summary>
    public const int LengthBytes = 8;

    /// <summary>The format's own limit for the JSON.</summary>
    public const int MaximumJsonBytes = 100_000_000;

    /// <summary>The name under which the header holds text instead of a tensor.</summary>
    public const string MetadataName = "__metadata__";

    private const int MaximumRank = 64;
    private static readonly Dictionary<string, StoredType> _knownTypes = Enum.GetValues<StoredType>().ToDictionary(type => type.ToString());
    private readonly Dictionary<string, StoredEntry> _entries = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _metadata = new(StringComparer.Ordinal);
    private readonly string _path;
    private readonly long _dataStart;
    private readonly long _dataBytes;
    private bool _hasMetadata;

    private SafetensorsHeader(string path, long dataStart, long dataBytes)
    {
        _path = path;
        _dataStart = dataStart;
        _dataBytes = dataBytes;
    }

    /// <summary>The tensors, in the order of their data.</summary>
    public IReadOnlyList<StoredEntry> Entries { get; private set; } = [];

    /// <summary>The text beside the tensors.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _metadata;

    /// <summary>The length of the JSON, from the first 8 bytes of a file.</summary>
    /// <exception cref="CamelsException">It lies beyond the file or the format's limit: exit code 3.</exception>
    public static int JsonBytes(ReadOnlySpan<byte> start, long fileBytes, string path)
    {
        if (start.Length < LengthBytes || fileBytes < LengthBytes)
        {
            throw CamelsException.BadInput($"{path} has {fileBytes} bytes: too short for a safetensors file");
        }

        ulong bytes = BinaryPrimitives.ReadUInt64LittleEndian(start);
        ulong available = (ulong)(fileBytes - LengthBytes);
        if (bytes > available || bytes > MaximumJsonBytes)
        {
            throw CamelsException.BadInput(
                $"{path}: the header claims {bytes} bytes, the file has {available} after its first 8 and the format allows "
                + $"{MaximumJsonBytes}: not a safetensors file, or cut short; copy it again");
        }

        return (int)bytes;
    }

    /// <summary>Parses and checks the JSON.</summary>
    /// <param name="json">The bytes after the length.</param>
    /// <param name="fileBytes">The length of the file.</param>
    /// <param name="path">The file, for messages.</param>
    /// <exception cref="CamelsException">The header is malformed, or says what the file cannot hold: exit code 3.</exception>
    public static SafetensorsHeader Parse(ReadOnlySpan<byte> json, long fileBytes, string path)
    {
        long dataStart = LengthBytes + json.Length;
        SafetensorsHeader header = new(path, dataStart, fileBytes - dataStart);
        try
        {
            // FormatException and InvalidOperationException: text that is not valid UTF-8, numbers of another kind than asked for.
            header.ReadTensors(json);
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException or FormatException)
        {
            throw CamelsException.BadInput($"{path}: its header is not what the format prescribes: {StrictJson.WithoutPosition(problem.Message)}", problem);
        }

        header.RequireCoverage();
        return header;
    }

    private void ReadTensors(ReadOnlySpan<byte> json)
    {
        Utf8JsonReader reader = new(json, new JsonReaderOptions { MaxDepth = 4 });
        Expect(ref reader, JsonTokenType.StartObject);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            Expect(ref reader, JsonTokenType.StartObject);
            if (name == MetadataName)
            {
                ReadMetadata(ref reader);
            }
            else if (!_entries.TryAdd(name, ReadEntry(ref reader, name)))
            {
                throw Malformed(name, "is there twice");
            }
        }

        // Reading on to the end finds text after the object, which only white space may follow.
        while (reader.Read())
        {
        }
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        if (_hasMetadata)
        {
            throw Malformed(MetadataName, "is there twice");
        }

        _hasMetadata = true;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            Expect(ref reader, JsonTokenType.String);
            if (!_metadata.TryAdd(key, reader.GetString()!))
            {
                throw Malformed(MetadataName, "has a key twice");
            }
        }
    }

    private StoredEntry ReadEntry(ref Utf8JsonReader reader, string name)
    {
        StoredType? type = null;
        List<long>? shape = null;
        List<long>? offsets = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string field = reader.GetString()!;
            switch (field)
            {
                case "dtype" when type is null:
                    Expect(ref reader, JsonTokenType.String);
                    type = _knownTypes.TryGetValue(reader.GetString()!, out StoredType known)
                        ? known
                        : throw Malformed(name, $"has the unknown dtype {Shorten(reader.GetString()!)}; known: {string.Join(' ', _knownTypes.Keys)}");
                    break;
                case "shape" when shape is null:
                    shape = ReadSizes(ref reader, name, MaximumRank);
                    break;
                case "data_offsets" when offsets is null:
                    offsets = ReadSizes(ref reader, name, limit: 2);
                    break;
                default:
                    throw Malformed(name, $"has an unknown or repeated field, {Shorten(field)}");
            }
        }

        return type is StoredType stored && shape is not null && offsets is [long begin, long end]
            ? Checked(name, stored, [.. shape], begin, end)
            : throw Malformed(name, "lacks dtype, shape or two data_offsets");
    }

    private StoredEntry Checked(string name, StoredType type, long[] shape, long begin, long end)
    {
        if (begin > end || end > _dataBytes)
        {
            throw Malformed(name, $"lies at bytes {begin} to {end} of {_dataBytes} that the file has; it is cut short, copy it again");
        }

        Int128 bytes = type.Bytes();
        foreach (long size in shape)
        {
            bytes *= size;
            if (bytes > long.MaxValue)
            {
                throw Malformed(name, $"has a shape, ({string.Join(", ", shape)}), larger than any file");
            }
        }

        return bytes == end - begin
            ? new StoredEntry(name, type, shape, _dataStart + begin, end - begin)
            : throw Malformed(name, $"is {type} ({string.Join(", ", shape)}), {bytes} bytes, but has {end - begin} in the file");
    }

    private List<long> ReadSizes(ref Utf8JsonReader reader, string name, int limit)
    {
        List<long> sizes = [];
        Expect(ref reader, JsonTokenType.StartArray);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            bool isSize = reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out long size) && size >= 0 && sizes.Count < limit;
            sizes.Add(isSize ? reader.GetInt64() : throw Malformed(name, "has a size or offset that is not an integer from 0, or too many"));
        }

        return sizes;
    }

    // Every byte of the data belongs to one tensor: nothing overlaps and nothing hides.
    private void RequireCoverage()
    {
        List<StoredEntry> entries = [.. _entries.Values.OrderBy(e => e.ByteOffset).ThenBy(e => e.ByteCount)];
        long end = _dataStart;
        foreach (StoredEntry entry in entries)
        {
            if (entry.ByteOffset != end)
            {
                string problem = entry.ByteOffset < end ? "overlaps the one before" : "leaves a gap after the one before";
                throw Malformed(entry.Name, $"{problem}: it starts at byte {entry.ByteOffset}, that one ends at {end}");
            }

            end += entry.ByteCount;
        }

        if (end != _dataStart + _dataBytes)
        {
            throw CamelsException.BadInput($"{_path}: {_dataStart + _dataBytes - end} bytes after the last tensor belong to none");
        }

        Entries = entries;
    }

    private static void Expect(ref Utf8JsonReader reader, JsonTokenType token)
    {
        if (!reader.Read() || reader.TokenType != token)
        {
            throw new JsonException($"{reader.TokenType} at byte {reader.TokenStartIndex}, expected {token}");
        }
    }

    private CamelsException Malformed(string name, string problem) =>
        CamelsException.BadInput($"{_path}: tensor '{Shorten(name)}' {problem}");

    private static string Shorten(string text) => text.Length <= 100 ? text : text[..100] + "…";
}
