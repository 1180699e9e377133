using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Camels.Engine.Checkpoints;
using Camels.Kernels;
using Camels.Testing;
using Xunit;

namespace Camels.Engine.Tests.Checkpoints;

public class SafetensorsTests
{
    [SharedTheory("models/stories260K", "golden")]
    [InlineData("models/stories260K/model.safetensors")]
    [InlineData("golden/llama_gqa_odd/model.safetensors")]
    [InlineData("golden/llama_mha/outputs.safetensors")]
    [InlineData("golden/opt_preln/inputs.safetensors")]
    public void WritingAgainGivesTheBytesOfTheFormatsOwnWriter(string path)
    {
        using TemporaryFolder folder = new();
        using SafetensorsFile original = SafetensorsFile.Open(SharedFiles.Path(path));
        Write(folder["copy"], original.Tensors.Reverse().Select(Copy));

        byte[] expected = File.ReadAllBytes(original.Path);
        if (original.Metadata.Count == 0)
        {
            using SafetensorsFile copy = SafetensorsFile.Open(Path.Combine(folder["copy"], "x.safetensors"));
            Assert.Equal(original.Tensors.Select(t => t.Name), copy.Tensors.Select(t => t.Name));
            Assert.All(copy.Tensors, t => Assert.True(t.Bytes(0, (int)t.ByteCount).SequenceEqual(Bytes(original, t.Name))));
            return;
        }

        Assert.Equal(expected, File.ReadAllBytes(Path.Combine(folder["copy"], "x.safetensors")));
    }

    [Fact]
    public void ANumberTooLargeForFp16IsRefused()
    {
        using TemporaryFolder folder = new();
        Write(folder["a"], [new TensorToWrite("w", StoredType.F32, [3], (_, bytes) => new[] { 1f, float.PositiveInfinity, 1e6f }.CopyTo(MemoryMarshal.Cast<byte, float>(bytes)))]);
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(folder["a"], "x.safetensors"));
        CamelsException refused = Assert.Throws<CamelsException>(() => Write(folder["b"], file.Tensors.Select(t => TensorToWrite.FromStored(t, DType.F16))));
        Assert.Contains("'w' has 1000000, which fp16 cannot hold", refused.Message, StringComparison.Ordinal);
        Write(folder["c"], file.Tensors.Select(t => TensorToWrite.FromStored(t, DType.BF16)));
    }

    [Fact]
    public void EveryTypeAndShapeComesBack()
    {
        using TemporaryFolder folder = new();
        List<TensorToWrite> tensors = [];
        foreach (StoredType type in Enum.GetValues<StoredType>())
        {
            foreach (long[] shape in (long[][])[[], [0], [1], [3, 5], [2, 0, 7], [1, 1, 1, 2]])
            {
                tensors.Add(Counted($"{type} \"{string.Join(',', shape)}\" ü\n", type, shape));
            }
        }

        WrittenFile written = Write(folder["a"], tensors);
        string path = Path.Combine(folder["a"], "x.safetensors");
        using SafetensorsFile file = SafetensorsFile.Open(path);
        Assert.Equal("pt", file.Metadata["format"]);
        Assert.Equal(tensors.Count, file.Tensors.Count);
        foreach (TensorToWrite tensor in tensors)
        {
            StoredTensor stored = file.Tensors.Single(t => t.Name == tensor.Name);
            byte[] expected = new byte[tensor.ByteCount];
            tensor.Source(0, expected);
            Assert.Equal(tensor.Type, stored.Type);
            Assert.Equal(tensor.Shape, stored.Shape);
            Assert.Equal(expected, stored.Bytes(0, (int)stored.ByteCount).ToArray());
        }

        Assert.Equal(new FileInfo(path).Length, written.Bytes);
        Assert.Equal(written.Bytes, SafetensorsWriter.FileBytes(tensors));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path))), written.Sha256);
        Assert.Equal(written, Write(folder["b"], tensors.AsEnumerable().Reverse()));
    }

    [Fact]
    public unsafe void LargeTensorsAreConvertedChunkByChunk()
    {
        const int Elements = (3 << 20) + 5;
        using TemporaryFolder folder = new();
        float[] values = [.. Enumerable.Range(0, Elements).Select(i => (i * 0.37f) - 1e5f)];
        byte[] expected = new byte[Elements * 2];
        ElementConversion.Convert(DType.F32, MemoryMarshal.AsBytes(values.AsSpan()), DType.BF16, expected);
        using Device host = Device.OpenReference();
        fixed (float* address = values)
        {
            Tensor tensor = new((nint)address, DType.F32, new Shape(Elements));
            Write(folder["a"], [TensorToWrite.FromTensor(host.Stream, "w", tensor, DType.BF16)]);
        }

        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(folder["a"], "x.safetensors"));
        Assert.True(file.Tensors[0].Bytes(0, expected.Length).SequenceEqual(expected));
        float[] read = new float[Elements];
        fixed (float* address = read)
        {
            file.Tensors[0].Read(host.Stream, new Tensor((nint)address, DType.F32, new Shape(Elements)));
        }

        float[] widened = new float[Elements];
        ElementConversion.Convert(DType.BF16, expected, DType.F32, MemoryMarshal.AsBytes(widened.AsSpan()));
        Assert.Equal(widened, read);
    }

    [Fact]
    public void IntegersAreReadAsIntegersOnly()
    {
        using TemporaryFolder folder = new();
        Write(folder["a"], [TensorToWrite.FromIntegers("small", 1, -2), TensorToWrite.FromIntegers("large", 1L << 40)]);
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(folder["a"], "x.safetensors"));
        StoredTensor small = file.Tensors.Single(t => t.Name == "small");
        int[] values = new int[2];
        small.Read(DType.I32, MemoryMarshal.AsBytes(values.AsSpan()));
        Assert.Equal([1, -2], values);
        Assert.Equal(ExitCode.BadInput, Assert.Throws<CamelsException>(() => small.Read(DType.F32, new byte[8])).Code);
        StoredTensor large = file.Tensors.Single(t => t.Name == "large");
        Assert.Contains("large", Assert.Throws<CamelsException>(() => large.Read(DType.I32, new byte[4])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ReadingBeyondATensorOrAClosedFileIsRefused()
    {
        using TemporaryFolder folder = new();
        Write(folder["a"], [TensorToWrite.FromIntegers("n", 1, 2)]);
        SafetensorsFile file = SafetensorsFile.Open(Path.Combine(folder["a"], "x.safetensors"));
        StoredTensor tensor = file.Tensors[0];
        Assert.Throws<ArgumentOutOfRangeException>(() => tensor.Bytes(8, 9).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => tensor.Bytes(-1, 1).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => tensor.Read(DType.I32, new byte[12]));
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => tensor.Bytes(0, 8).Length);
        file.Dispose();
    }

    internal static WrittenFile Write(string folder, IEnumerable<TensorToWrite> tensors)
    {
        WrittenFile? written = null;
        AtomicFolder.Write(folder, neededBytes: 0, replace: true, writer =>
        {
            SafetensorsWriter.Write(writer, "x.safetensors", tensors);
            written = writer.Written.Single();
        });
        return written!;
    }

    internal static TensorToWrite Counted(string name, StoredType type, params long[] shape) => new(name, type, shape, (offset, bytes) =>
    {
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] = (byte)((offset + i + name.Length) * 37);
        }
    });

    private static TensorToWrite Copy(StoredTensor tensor) =>
        new(tensor.Name, tensor.Type, [.. tensor.Shape], (offset, bytes) => tensor.Bytes(offset, bytes.Length).CopyTo(bytes));

    private static ReadOnlySpan<byte> Bytes(SafetensorsFile file, string name)
    {
        StoredTensor tensor = file.Tensors.Single(t => t.Name == name);
        return tensor.Bytes(0, (int)tensor.ByteCount);
    }
}
