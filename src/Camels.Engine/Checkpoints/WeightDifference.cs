using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Camels.Engine.Models;
using Camels.Kernels;

namespace Camels.Engine.Checkpoints;

/// <summary>
/// A trained model as its difference from the base, for licences that let only that be given away: the elements' bits are subtracted as
/// integers, so that whoever has the base gets back the very bits, and checksums say whether it is the right base.
/// </summary>
public static class WeightDifference
{
    private const string Format = "camels weight difference 1";
    internal const string ManifestName = "difference.json";
    private const string WeightsStem = "difference";
    private const long MaximumManifestBytes = 16 << 20;
    private const int ChunkBytes = 1 << 20;
    private const int RoomForSmallFiles = 1 << 24;

    /// <summary>Writes the difference of two models.</summary>
    /// <param name="trained">The model folder that shall be recovered.</param>
    /// <param name="baseModel">The model folder that the other side has.</param>
    /// <param name="destination">The folder of the difference; must not be there, or be empty.</param>
    /// <param name="maximumFileBytes">The bytes of differences in one file.</param>
    /// <exception cref="CamelsException">A folder is malformed (3), the destination is there (2) or cannot be written (5).</exception>
    public static void Write(string trained, string baseModel, string destination, long maximumFileBytes = ModelToWrite.DefaultMaximumFileBytes)
    {
        using HuggingFaceFolder from = HuggingFaceFolder.Open(baseModel);
        using HuggingFaceFolder to = HuggingFaceFolder.Open(trained);
        DType dtype = to.Config.StoredAs;
        List<TensorToWrite> wanted = [.. to.Config.Tensors().Select(t => TensorToWrite.FromStored(to.Weight(t.Name), dtype) with { Name = t.Name })];
        List<TensorToWrite> known = Shared(from, wanted.Select(t => (t.Name, t.Shape)), dtype);
        List<TensorToWrite> differences = [.. wanted.Select(t => Combined(t, known.Find(k => k.Name == t.Name), AsIntegers(dtype), subtracts: true))];
        byte[] manifest = JsonText.Of(new
        {
            Format,
            Dtype = $"{dtype}",
            BaseSha256 = Digest(known),
            Sha256 = Digest(wanted),
            Whole = wanted.Select(t => t.Name).Except(known.Select(k => k.Name)),
        });
        AtomicFolder.Write(destination, SafetensorsWriter.FileBytes(differences) + RoomForSmallFiles, replace: false, folder =>
        {
            folder.WriteFile(ModelConfigFile.Name, ModelConfigFile.ToJson(to.Config));
            SafetensorsWriter.WriteModel(folder, differences, maximumFileBytes, WeightsStem);
            HuggingFaceFolder.CopyCompanions(folder, HuggingFaceFolder.Companions(trained));
            folder.WriteFile(ManifestName, manifest);
        });
    }

    /// <summary>Writes the model that a difference was made from.</summary>
    /// <param name="difference">The folder of the difference.</param>
    /// <param name="baseModel">The base's folder.</param>
    /// <param name="destination">The model's folder; must not be there, or be empty.</param>
    /// <param name="maximumFileBytes">The bytes of weights in one file.</param>
    /// <exception cref="CamelsException">The base is another one or a file is damaged (3), the destination is there (2) or cannot be written (5).</exception>
    public static void Recover(string difference, string baseModel, string destination, long maximumFileBytes = ModelToWrite.DefaultMaximumFileBytes)
    {
        string path = Path.Combine(difference, ManifestName);
        using JsonDocument document = StrictJson.ReadObject(path, MaximumManifestBytes);
        JsonFields fields = new(document.RootElement, path);
        fields.Require("format", fields.Text("format") == Format, $"\"{Format}\"");
        fields.Require("dtype", Enum.TryParse(fields.Text("dtype"), out DType dtype) && dtype is DType.F32 or DType.F16 or DType.BF16, "F32, F16 or BF16");
        ModelConfig config = ModelConfigFile.Read(Path.Combine(difference, ModelConfigFile.Name)) with { StoredAs = dtype };
        using HuggingFaceFolder from = HuggingFaceFolder.Open(baseModel);
        using TensorFiles stored = TensorFiles.OpenSplit(difference, WeightsStem);
        HashSet<string> whole = [.. fields.Texts("whole")];
        List<TensorToWrite> known = Shared(
            from, config.Tensors().Where(t => !whole.Contains(t.Name)).Select(t => (t.Name, (long[])[.. t.Shape.Select(size => (long)size)])), dtype);
        if (Digest(known) != fields.Text("base_sha256"))
        {
            throw CamelsException.BadInput($"{baseModel} is not the base that {difference} was made with: its checksum is another one");
        }

        List<TensorToWrite> recovered = [.. config.Tensors().Select(t => Recovered(stored.Get(t.Name), t.Shape, known.Find(k => k.Name == t.Name), dtype))];
        if (Digest(recovered) != fields.Text("sha256"))
        {
            throw CamelsException.BadInput($"{difference}: what it gives with its base has another checksum than the trained model; copy it again");
        }

        ModelToWrite model = new() { Config = config, Tensors = recovered, CompanionFolder = difference, MaximumFileBytes = maximumFileBytes };
        HuggingFaceFolder.Export(destination, model, replace: false);
    }

    // The tensors that the base has in the same shape, in the trained model's type.
    private static List<TensorToWrite> Shared(HuggingFaceFolder from, IEnumerable<(string Name, long[] Shape)> tensors, DType dtype) =>
    [
        .. tensors.Select(t => (t.Name, Stored: HuggingFaceFolder.Find(from.Weights, t.Name, from.Config.Family), t.Shape))
            .Where(t => t.Stored is not null && t.Stored.Shape.SequenceEqual(t.Shape))
            .Select(t => TensorToWrite.FromStored(t.Stored!, dtype) with { Name = t.Name }),
    ];

    private static TensorToWrite Recovered(StoredTensor difference, int[] shape, TensorToWrite? known, DType dtype)
    {
        difference.RequireShape(shape);
        if (difference.Type != AsIntegers(dtype))
        {
            throw CamelsException.BadInput($"{difference.Path}: tensor '{difference.Name}' is {difference.Type}, expected {AsIntegers(dtype)}");
        }

        TensorToWrite bits = new(
            difference.Name, StoredTypes.Of(dtype), [.. difference.Shape], (offset, bytes) => difference.Bytes(offset, bytes.Length).CopyTo(bytes));
        return Combined(bits, known, StoredTypes.Of(dtype), subtracts: false);
    }

    // Without a known one, the tensor as it is.
    private static TensorToWrite Combined(TensorToWrite tensor, TensorToWrite? known, StoredType type, bool subtracts) => tensor with
    {
        Type = type,
        Source = known is null ? tensor.Source : (offset, bytes) =>
        {
            byte[] other = new byte[bytes.Length];
            tensor.Source(offset, bytes);
            known.Source(offset, other);
            Combine(bytes, other, type.Bytes(), subtracts);
        },
    };

    private static void Combine(Span<byte> bytes, ReadOnlySpan<byte> other, int elementBytes, bool subtracts)
    {
        if (elementBytes == sizeof(ushort))
        {
            Span<ushort> values = MemoryMarshal.Cast<byte, ushort>(bytes);
            ReadOnlySpan<ushort> known = MemoryMarshal.Cast<byte, ushort>(other);
            for (int i = 0; i < values.Length; i++)
            {
                values[i] = (ushort)(subtracts ? values[i] - known[i] : values[i] + known[i]);
            }

            return;
        }

        Span<uint> wide = MemoryMarshal.Cast<byte, uint>(bytes);
        ReadOnlySpan<uint> knownWide = MemoryMarshal.Cast<byte, uint>(other);
        for (int i = 0; i < wide.Length; i++)
        {
            wide[i] = subtracts ? wide[i] - knownWide[i] : wide[i] + knownWide[i];
        }
    }

    private static StoredType AsIntegers(DType dtype) => dtype == DType.F32 ? StoredType.U32 : StoredType.U16;

    // Names, lengths and bytes in the order of the config.
    private static string Digest(IReadOnlyList<TensorToWrite> tensors)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] chunk = new byte[ChunkBytes];
        Span<byte> length = stackalloc byte[sizeof(long)];
        foreach (TensorToWrite tensor in tensors)
        {
            hash.AppendData(Encoding.UTF8.GetBytes(tensor.Name));
            BinaryPrimitives.WriteInt64LittleEndian(length, tensor.ByteCount);
            hash.AppendData(length);
            for (long offset = 0; offset < tensor.ByteCount; offset += chunk.Length)
            {
                Span<byte> part = chunk.AsSpan(0, (int)Math.Min(chunk.Length, tensor.ByteCount - offset));
                tensor.Source(offset, part);
                hash.AppendData(part);
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
