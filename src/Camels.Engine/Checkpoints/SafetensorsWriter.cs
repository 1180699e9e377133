using System.Buffers;
using System.Buffers.Binary;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Camels.Engine.Checkpoints;

/// <summary>
/// Writes safetensors files: the same tensors give the same bytes. Inside a file wider elements come first, then names decide, so that
/// every element is aligned; the JSON is padded with spaces to a multiple of 8.
/// </summary>
public static class SafetensorsWriter
{
    private const int Alignment = 8;
    private static readonly JsonWriterOptions _jsonOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes one file and flushes it to the disk.</summary>
    /// <param name="folder">Where; receives the file's digest.</param>
    /// <param name="name">The file's name in the folder.</param>
    /// <param name="tensors">What; names are unique.</param>
    /// <exception cref="CamelsException">The disk is full or not writable: exit code 5.</exception>
    public static void Write(FolderWriter folder, string name, IEnumerable<TensorToWrite> tensors)
    {
        List<TensorToWrite> ordered = Order(tensors);
        using FileToWrite file = folder.Create(name);
        file.Append(Header(ordered));
        foreach (TensorToWrite tensor in ordered)
        {
            file.Append(tensor.ByteCount, tensor.Source);
        }

        file.Finish();
    }

    /// <summary>Writes a model: one file where it fits, else files of at most <paramref name="maximumFileBytes"/> of data with an index.</summary>
    /// <param name="folder">Where.</param>
    /// <param name="tensors">What; the files follow this order. A tensor is never split.</param>
    /// <param name="maximumFileBytes">Data in a file; a tensor that is larger has a file of its own.</param>
    /// <param name="stem">With what the names of the files begin.</param>
    /// <exception cref="CamelsException">The disk is full or not writable: exit code 5.</exception>
    public static void WriteModel(FolderWriter folder, IReadOnlyList<TensorToWrite> tensors, long maximumFileBytes, string stem = TensorFiles.ModelStem)
    {
        List<List<TensorToWrite>> shards = Split(tensors, maximumFileBytes);
        if (shards.Count == 1)
        {
            Write(folder, $"{stem}{TensorFiles.Extension}", shards[0]);
            return;
        }

        for (int i = 0; i < shards.Count; i++)
        {
            Write(folder, ShardName(stem, i, shards.Count), shards[i]);
        }

        folder.WriteFile($"{stem}{TensorFiles.IndexExtension}", Index(stem, shards));
    }

    /// <summary>The length of a file with these tensors.</summary>
    public static long FileBytes(IEnumerable<TensorToWrite> tensors)
    {
        List<TensorToWrite> ordered = Order(tensors);
        return Header(ordered).Length + ordered.Sum(tensor => tensor.ByteCount);
    }

    /// <summary>Divides tensors into files, in their order.</summary>
    internal static List<List<TensorToWrite>> Split(IReadOnlyList<TensorToWrite> tensors, long maximumFileBytes)
    {
        List<List<TensorToWrite>> shards = [[]];
        long bytes = 0;
        foreach (TensorToWrite tensor in tensors)
        {
            if (shards[^1].Count > 0 && bytes + tensor.ByteCount > maximumFileBytes)
            {
                shards.Add([]);
                bytes = 0;
            }

            shards[^1].Add(tensor);
            bytes += tensor.ByteCount;
        }

        return shards;
    }

    private static string ShardName(string stem, int shard, int count) =>
        FormattableString.Invariant($"{stem}-{shard + 1:D5}-of-{count:D5}{TensorFiles.Extension}");

    private static List<TensorToWrite> Order(IEnumerable<TensorToWrite> tensors)
    {
        List<TensorToWrite> ordered = [.. tensors.OrderByDescending(t => t.Type.Bytes()).ThenBy(t => t.Name, StringComparer.Ordinal)];
        return ordered.DistinctBy(t => t.Name).Count() == ordered.Count
            ? ordered
            : throw new ArgumentException("two tensors have the same name", nameof(tensors));
    }

    private static byte[] Header(List<TensorToWrite> ordered)
    {
        ArrayBufferWriter<byte> buffer = new();
        buffer.Write(stackalloc byte[SafetensorsHeader.LengthBytes]);
        using (Utf8JsonWriter json = new(buffer, _jsonOptions))
        {
            json.WriteStartObject();
            json.WriteStartObject(SafetensorsHeader.MetadataName);
            json.WriteString("format", "pt");
            json.WriteEndObject();
            long offset = 0;
            foreach (TensorToWrite tensor in ordered)
            {
                WriteEntry(json, tensor, offset);
                offset += tensor.ByteCount;
            }

            json.WriteEndObject();
        }

        while (buffer.WrittenCount % Alignment != 0)
        {
            buffer.Write(" "u8);
        }

        byte[] header = buffer.WrittenSpan.ToArray();
        BinaryPrimitives.WriteInt64LittleEndian(header, header.Length - SafetensorsHeader.LengthBytes);
        return header;
    }

    private static void WriteEntry(Utf8JsonWriter json, TensorToWrite tensor, long offset)
    {
        json.WriteStartObject(tensor.Name);
        json.WriteString("dtype", tensor.Type.ToString());
        json.WriteStartArray("shape");
        foreach (long size in tensor.Shape)
        {
            json.WriteNumberValue(size);
        }

        json.WriteEndArray();
        json.WriteStartArray("data_offsets");
        json.WriteNumberValue(offset);
        json.WriteNumberValue(offset + tensor.ByteCount);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static byte[] Index(string stem, List<List<TensorToWrite>> shards)
    {
        SortedDictionary<string, string> fileOfTensor = new(StringComparer.Ordinal);
        for (int i = 0; i < shards.Count; i++)
        {
            foreach (TensorToWrite tensor in shards[i])
            {
                fileOfTensor.Add(tensor.Name, ShardName(stem, i, shards.Count));
            }
        }

        object index = new
        {
            metadata = new { total_size = shards.Sum(shard => shard.Sum(tensor => tensor.ByteCount)) },
            weight_map = fileOfTensor,
        };
        return JsonText.Of(index);
    }
}
