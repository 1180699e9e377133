using System.IO.Compression;
using System.Text;
using Camels.Engine.Checkpoints;
using Camels.Engine.Models;
using Camels.Engine.Verification;
using Camels.Kernels;
using Camels.Testing;
using Xunit;

namespace Camels.Engine.Tests.Checkpoints;

/// <summary>Files of torch.save: read without PyTorch where they hold tensors, refused where they ask for anything else.</summary>
public class TorchFileTests
{
    // The four tensors of _expected, pickled by Python as PyTorch's two layouts pickle them.
    private const string Legacy = "gAKKCmz8nEb5IGqoUBkugAJN6QMugAJ9cQAoWBAAAABwcm90b2NvbF92ZXJzaW9ucQFN6QNYDQAAAGxpdHRsZV9lbmRpYW5xAohYCgAAAHR5cGVfc2l6ZXNx"
        + "A31xBChYBQAAAHNob3J0cQVLAlgDAAAAaW50cQZLBFgEAAAAbG9uZ3EHSwR1dS6AAmNjb2xsZWN0aW9ucwpPcmRlcmVkRGljdApxAClScQEoWAgAAABhLndl"
        + "aWdodHECY3RvcmNoLl91dGlscwpfcmVidWlsZF90ZW5zb3JfdjIKcQMoKFgHAAAAc3RvcmFnZXEEY3RvcmNoCkZsb2F0U3RvcmFnZQpxBVgOAAAAOTQwMDAw"
        + "MDAwMDAwMDFxBlgDAAAAY3B1cQdLDE50cQhRSwBLAksDhnEJSwNLAYZxColoAClScQt0cQxScQ1YBgAAAGEudGFpbHEOaAMoKGgEaAVoBmgHSwxOdHEPUUsG"
        + "SwaFcRBLAYVxEYloAClScRJ0cRNScRRYCAAAAGIud2VpZ2h0cRVjdG9yY2guX3V0aWxzCl9yZWJ1aWxkX3BhcmFtZXRlcgpxFmgDKChoBGN0b3JjaApIYWxm"
        + "U3RvcmFnZQpxF1gOAAAAOTQwMDAwMDAwMDAwMDJxGGgHSwROdHEZUUsASwJLAUsCh3EaSwJLB0sBh3EbiWgAKVJxHHRxHVJxHohoAClScR+HcSBScSFYBQAA"
        + "AHN0ZXBzcSJoAygoaARjdG9yY2gKTG9uZ1N0b3JhZ2UKcSNYDgAAADk0MDAwMDAwMDAwMDAzcSRoB0sCTnRxJVFLASkpiWgAKVJxJnRxJ1JxKHV9cSlYCQAA"
        + "AF9tZXRhZGF0YXEqaAApUnErKFgAAAAAcSx9cS1YBwAAAHZlcnNpb25xLksBc1gBAAAAYXEvfXEwaC5LAXN1c2IugAJdcQAoWA4AAAA5NDAwMDAwMDAwMDAw"
        + "MXEBWA4AAAA5NDAwMDAwMDAwMDAwMnECWA4AAAA5NDAwMDAwMDAwMDAwM3EDZS4MAAAAAAAAAAAAAAAAAIA+AAAAPwAAQD8AAIA/AACgPwAAwD8AAOA/AAAA"
        + "QAAAEEAAACBAAAAwQAQAAAAAAAAAADwAwAA4/3sCAAAAAAAAAAcAAAAAAAAA9/////////8=";

    private const string ZippedPickle = "gAJjY29sbGVjdGlvbnMKT3JkZXJlZERpY3QKcQApUnEBKFgIAAAAYS53ZWlnaHRxAmN0b3JjaC5fdXRpbHMKX3JlYnVpbGRfdGVuc29yX3YyCnEDKChYBwAA"
        + "AHN0b3JhZ2VxBGN0b3JjaApGbG9hdFN0b3JhZ2UKcQVYDgAAADk0MDAwMDAwMDAwMDAxcQZYAwAAAGNwdXEHSwx0cQhRSwBLAksDhnEJSwNLAYZxColoAClS"
        + "cQt0cQxScQ1YBgAAAGEudGFpbHEOaAMoKGgEaAVoBmgHSwx0cQ9RSwZLBoVxEEsBhXERiWgAKVJxEnRxE1JxFFgIAAAAYi53ZWlnaHRxFWN0b3JjaC5fdXRp"
        + "bHMKX3JlYnVpbGRfcGFyYW1ldGVyCnEWaAMoKGgEY3RvcmNoCkhhbGZTdG9yYWdlCnEXWA4AAAA5NDAwMDAwMDAwMDAwMnEYaAdLBHRxGVFLAEsCSwFLAodx"
        + "GksCSwdLAYdxG4loAClScRx0cR1ScR6IaAApUnEfh3EgUnEhWAUAAABzdGVwc3EiaAMoKGgEY3RvcmNoCkxvbmdTdG9yYWdlCnEjWA4AAAA5NDAwMDAwMDAw"
        + "MDAwM3EkaAdLAnRxJVFLASkpiWgAKVJxJnRxJ1JxKHV9cSlYCQAAAF9tZXRhZGF0YXEqaAApUnErKFgAAAAAcSx9cS1YBwAAAHZlcnNpb25xLksBc1gBAAAA"
        + "YXEvfXEwaC5LAXN1c2Iu";

    private static readonly string[] _storages = ["94000000000001", "94000000000002", "94000000000003"];

    private static readonly Dictionary<string, (StoredType Type, long[] Shape, double[] Values)> _expected = new()
    {
        ["a.weight"] = (StoredType.F32, [2, 3], [0, 0.25, 0.5, 0.75, 1, 1.25]),
        ["a.tail"] = (StoredType.F32, [6], [1.5, 1.75, 2, 2.25, 2.5, 2.75]),
        ["b.weight"] = (StoredType.F16, [2, 1, 2], [1, -2, 0.5, 65504]),
        ["steps"] = (StoredType.I64, [], [-9]),
    };

    [Fact]
    public void TheOlderLayoutIsRead() => AssertExpected(Convert.FromBase64String(Legacy));

    [Fact]
    public void TheZipLayoutIsRead() => AssertExpected(Zip(Convert.FromBase64String(ZippedPickle)));

    [SharedFact("golden/opt_preln_decoder_prefix")]
    public void APublishedLayoutHoldsTheTensorsOfItsSafetensorsFile()
    {
        string folder = SharedFiles.Path("golden/opt_preln_decoder_prefix");
        using TorchFile torch = TorchFile.Open(Path.Combine(folder, TorchFile.SingleFileName));
        using SafetensorsFile safetensors = SafetensorsFile.Open(Path.Combine(folder, TensorFiles.SingleFileName));
        Assert.Equal(safetensors.Tensors.Select(t => t.Name).Order(), torch.Tensors.Select(t => t.Name).Order());
        foreach (StoredTensor expected in safetensors.Tensors)
        {
            StoredTensor found = torch.Tensors.Single(t => t.Name == expected.Name);
            Assert.Equal((expected.Type, expected.ByteCount), (found.Type, found.ByteCount));
            Assert.Equal(expected.Shape, found.Shape);
            Assert.True(found.Bytes(0, (int)found.ByteCount).SequenceEqual(expected.Bytes(0, (int)expected.ByteCount)), expected.Name);
        }
    }

    [SharedFact("golden/opt_preln_decoder_prefix")]
    public void AModelFolderMayHoldNothingElse()
    {
        using TemporaryFolder folder = new();
        string golden = SharedFiles.Path("golden/opt_preln_decoder_prefix");
        _ = Directory.CreateDirectory(folder["m"]);
        foreach (string name in (string[])[ModelConfigFile.Name, TorchFile.SingleFileName])
        {
            File.Copy(Path.Combine(golden, name), Path.Combine(folder["m"], name));
        }

        using Device device = Device.OpenCpu(threads: 2);
        CheckReport report = ModelCheck.Run(golden, folder["m"], device);
        Assert.True(report.ExitCode == ExitCode.Done && report.Made > 50, report.ToText());
    }

    [Theory]
    [InlineData("posix.system", "gAJ9cQBYAQAAAHdxAWNwb3NpeApzeXN0ZW0KcQJYEAAAAHRvdWNoIC90bXAvcHduZWRxA4VxBFJxBXMu")]
    [InlineData("protocol", "gASVMgAAAAAAAAB9lIwBd5SMBXBvc2l4lIwGc3lzdGVtlJOUjBB0b3VjaCAvdG1wL3B3bmVklIWUUpRzLg==")]
    [InlineData("__builtin__.eval", "gAJjX19idWlsdGluX18KZXZhbApxAFgdAAAAX19pbXBvcnRfXygnb3MnKS5zeXN0ZW0oJ2lkJylxAYVxAlJxAy4=")]
    [InlineData("protocol", "gASVOQAAAAAAAACMCGJ1aWx0aW5zlIwEZXZhbJSTlIwdX19pbXBvcnRfXygnb3MnKS5zeXN0ZW0oJ2lkJymUhZRSlC4=")]
    [InlineData("commands.check_output", "gAJdcQBjY29tbWFuZHMKY2hlY2tfb3V0cHV0CnEBXXECWAIAAABpZHEDYYVxBFJxBWEu")]
    [InlineData("protocol", "gASVLgAAAAAAAABdlIwKc3VicHJvY2Vzc5SMDGNoZWNrX291dHB1dJSTlF2UjAJpZJRhhZRSlGEu")]
    [InlineData("__builtin__.getattr", "gAJjX19idWlsdGluX18KZ2V0YXR0cgpxAGNjb2xsZWN0aW9ucwpPcmRlcmVkRGljdApxAVgIAAAAZnJvbWtleXNxAoZxA1JxBC4=")]
    [InlineData("protocol", "gASVRQAAAAAAAACMCGJ1aWx0aW5zlIwHZ2V0YXR0cpSTlIwLY29sbGVjdGlvbnOUjAtPcmRlcmVkRGljdJSTlIwIZnJvbWtleXOUhpRSlC4=")]
    [InlineData("functools.partial", "gAJjZnVuY3Rvb2xzCnBhcnRpYWwKcQBjX19idWlsdGluX18KcHJpbnQKcQGFcQJScQMoaAFYAQAAAHhxBIVxBX1xBk50cQdiLg==")]
    [InlineData("protocol", "gASVQQAAAAAAAACMCWZ1bmN0b29sc5SMB3BhcnRpYWyUk5SMCGJ1aWx0aW5zlIwFcHJpbnSUk5SFlFKUKGgFjAF4lIWUfZROdJRiLg==")]
    [InlineData("__main__.C", "gAJ9cQBYAQAAAHdxAWNfX21haW5fXwpDCnECKYFxA31xBFgBAAAAeHEFSwFzYnMu")]
    [InlineData("a class of its own", "KGlfX21haW5fXwpDCnAwCi4=")]
    [InlineData("other arguments", "gAJ9cQBYAQAAAHdxAWN0b3JjaC5fdXRpbHMKX3JlYnVpbGRfdGVuc29yX3YyCnECKFgNAAAAbm90IGEgc3RvcmFnZXEDSwBLAYVxBGgEdHEFUnEGcy4=")]
    [InlineData("protocol", "gAWVFwAAAAAAAAB9lIwBd5SWBQAAAAAAAAAAAAAAAJRzLg==")]
    [InlineData("protocol", "gASVCQAAAAAAAACPlChLAUsCkC4=")]
    [InlineData("a class of its own", "gAKCAS4=")]
    public void APickleThatAsksForMoreIsRefused(string reason, string base64)
    {
        byte[] pickle = Convert.FromBase64String(base64);
        foreach (byte[] file in (byte[][])[Zip(pickle), [.. pickle, .. new byte[16]]])
        {
            CamelsException refused = Refusal(file);
            Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("K\u0000K\u0002K\u0003\u0086K\u0003K\u0001\u0086", null)]
    [InlineData("K\u0000K\u0002K\u0003\u0086K\u0001K\u0002\u0086", "not contiguous")]
    [InlineData("K\u0007K\u0002K\u0003\u0086K\u0003K\u0001\u0086", "not inside its storage")]
    [InlineData("K\u0000K\u0005K\u0003\u0086K\u0003K\u0001\u0086", "not inside its storage")]
    [InlineData("J\u00ff\u00ff\u00ff\u00ffK\u0002K\u0003\u0086K\u0003K\u0001\u0086", "not inside its storage")]
    [InlineData("K\u0000K\u0002J\u00fd\u00ff\u00ff\u00ff\u0086K\u0003K\u0001\u0086", "not inside its storage")]
    [InlineData("K\u0000K\u0002K\u0003\u0086K\u0003\u0085", "not inside its storage")]
    [InlineData("K\u0000\u008a\b\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u007f\u008a\b\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u007f\u0086K\u0003K\u0001\u0086", "not inside its storage")]
    public void TensorsLieInTheirStorages(string offsetShapeStrides, string? reason)
    {
        byte[] file = Zip(Pickle(offsetShapeStrides));
        if (reason is null)
        {
            using TemporaryFolder folder = new();
            using TorchFile opened = TorchFile.Open(folder.WriteFile("x.bin", file));
            Assert.Equal([2L, 3L], opened.Tensors.Single().Shape);
            return;
        }

        Assert.Contains(reason, Refusal(file).Message, StringComparison.Ordinal);
    }

    // PyTorch 2 notes {"neg": True} beside a view whose numbers have the other sign in the file.
    [Fact]
    public void AViewThatIsStillToBeNegatedIsRefused() => Assert.Contains(
        "still to be negated", Refusal(Zip(Pickle("K\0K\u0002K\u0003\u0086K\u0003K\u0001\u0086", metadata: "}X\u0003\0\0\0neg\u0088s"))).Message, StringComparison.Ordinal);

    [Fact]
    public void CompressedAndIncompleteArchivesAreRefused()
    {
        byte[] pickle = Convert.FromBase64String(ZippedPickle);
        Assert.Contains("compressed", Refusal(Zip(pickle, CompressionLevel.Optimal)).Message, StringComparison.Ordinal);
        Assert.Contains("is missing", Refusal(Zip(pickle, storages: 2)).Message, StringComparison.Ordinal);
        Assert.Contains("cut short", Refusal(Zip(pickle, bytesPerStorage: 20)).Message, StringComparison.Ordinal);
        Assert.Contains("without data.pkl", Refusal(Zip(pickle, folder: "")).Message, StringComparison.Ordinal);
        Assert.Contains("little endian", Refusal(Zip(pickle, byteOrder: "big")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void NoChangeOfAFileDoesMoreThanRefuseIt()
    {
        using TemporaryFolder folder = new();
        foreach (byte[] original in (byte[][])[Convert.FromBase64String(Legacy), Zip(Convert.FromBase64String(ZippedPickle))])
        {
            Fuzz.Run(original, cases: 1500, bytes =>
            {
                using TorchFile file = TorchFile.Open(folder.WriteFile("x.bin", bytes));
                foreach (StoredTensor tensor in file.Tensors)
                {
                    Assert.Equal(tensor.ByteCount, tensor.Bytes(0, (int)tensor.ByteCount).Length);
                }
            });
        }
    }

    private static CamelsException Refusal(byte[] file)
    {
        using TemporaryFolder folder = new();
        CamelsException refused = Assert.Throws<CamelsException>(() => TorchFile.Open(folder.WriteFile("x.bin", file)));
        Assert.Equal(ExitCode.BadInput, refused.Code);
        return refused;
    }

    private static void AssertExpected(byte[] bytes)
    {
        using TemporaryFolder folder = new();
        using TorchFile file = TorchFile.Open(folder.WriteFile("x.bin", bytes));
        Assert.Equal(_expected.Keys, file.Tensors.Select(t => t.Name));
        foreach (StoredTensor tensor in file.Tensors)
        {
            (StoredType type, long[] shape, double[] values) = _expected[tensor.Name];
            Assert.Equal(type, tensor.Type);
            Assert.Equal(shape, tensor.Shape);
            Assert.Equal(values, type == StoredType.I64 ? [BitConverter.ToInt64(tensor.Bytes(0, 8))] : GoldenCase.Values(tensor));
        }
    }

    private static byte[] Zip(
        byte[] pickle, CompressionLevel level = CompressionLevel.NoCompression, int storages = 3, int bytesPerStorage = int.MaxValue,
        string folder = "archive/", string byteOrder = "little")
    {
        byte[] legacy = Convert.FromBase64String(Legacy);
        int[] sizes = [48, 8, 16];
        int end = legacy.Length - (sizes.Sum() + (3 * sizeof(long)));
        using MemoryStream stream = new();
        using (ZipArchive archive = new(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            void Write(string name, ReadOnlySpan<byte> content)
            {
                using Stream entry = archive.CreateEntry(folder + name, level).Open();
                entry.Write(content);
            }

            Write("data.pkl", pickle);
            for (int i = 0; i < storages; i++)
            {
                Write($"data/{_storages[i]}", legacy.AsSpan(end + sizeof(long), Math.Min(sizes[i], bytesPerStorage)));
                end += sizeof(long) + sizes[i];
            }

            Write("byteorder", Encoding.UTF8.GetBytes(byteOrder));
        }

        return stream.ToArray();
    }

    // One tensor of a storage of 12 singles.
    private static byte[] Pickle(string offsetShapeStrides, string metadata = "") => Encoding.Latin1.GetBytes(
        "\u0080\u0002}X\u0001\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\a\0\0\0storagectorch\nFloatStorage\n"
        + "X\u000e\0\0\094000000000001X\u0003\0\0\0cpuK\ftQ" + offsetShapeStrides + "\u0089}" + metadata + "tRs.");
}
