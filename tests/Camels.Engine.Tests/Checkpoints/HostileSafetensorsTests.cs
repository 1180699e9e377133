using System.Buffers.Binary;
using System.Text;
using Camels.Engine.Checkpoints;
using Xunit;

namespace Camels.Engine.Tests.Checkpoints;

public class HostileSafetensorsTests
{
    private const string A = "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}";

    [Theory]
    [InlineData("{" + A + "}", 8, null)]
    [InlineData("{" + A + "}   ", 8, null)]
    [InlineData("{}", 0, null)]
    [InlineData("{" + A + ",\"__metadata__\":{\"format\":\"pt\"}}", 8, null)]
    [InlineData("{" + A + "}", 7, "cut short")]
    [InlineData("{" + A + "}", 9, "belong to none")]
    [InlineData("{" + A + "," + A + "}", 8, "'a' is there twice")]
    [InlineData("{" + A + ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "'b' overlaps")]
    [InlineData("{" + A + ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[12,16]}}", 16, "'b' leaves a gap")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", 12, "leaves a gap")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,9223372036854775807]}}", 8, "cut short")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, "lies at")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8, "12 bytes, but has 8")]
    [InlineData("{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "4 bytes, but has 8")]
    [InlineData("{\"a\":{\"dtype\":\"F31\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "unknown dtype F31")]
    [InlineData("{\"a\":{\"dtype\":\"1\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "unknown dtype 1")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8, "not an integer from 0")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}", 8, "not an integer from 0")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}", 8, "not an integer from 0")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}}", 8, "or too many")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", 8, "lacks")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, "lacks")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}}", 8, "larger than any file")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "repeated field")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"extra\":1,\"data_offsets\":[0,8]}}", 8, "unknown or repeated field")]
    [InlineData("{\"__metadata__\":{\"a\":\"b\",\"a\":\"c\"}}", 0, "key twice")]
    [InlineData("{\"__metadata__\":{},\"__metadata__\":{}}", 0, "is there twice")]
    [InlineData("{\"__metadata__\":{\"a\":1}}", 0, "expected String")]
    [InlineData("{\"a\":[[[[[[[[[[[[[[]]]]]]]]]]]]]]}", 0, "StartArray")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[[[[[[2]]]]]],\"data_offsets\":[0,8]}}", 8, "not an integer")]
    [InlineData("[]", 0, "expected StartObject")]
    [InlineData("", 0, "not what the format prescribes")]
    [InlineData("{", 0, "not what the format prescribes")]
    [InlineData("{} {}", 0, "not what the format prescribes")]
    [InlineData("{\"a\\ud800\":{}}", 0, "not what the format prescribes")]
    public void HeadersAreChecked(string json, int dataBytes, string? refusal)
    {
        using TemporaryFolder folder = new();
        string path = folder.WriteFile("x.safetensors", File(Encoding.UTF8.GetBytes(json), dataBytes));
        if (refusal is null)
        {
            SafetensorsFile.Open(path).Dispose();
            return;
        }

        CamelsException refused = Assert.Throws<CamelsException>(() => SafetensorsFile.Open(path));
        Assert.Equal(ExitCode.BadInput, refused.Code);
        Assert.StartsWith(path, refused.Message, StringComparison.Ordinal);
        Assert.Contains(refusal, refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new byte[0], "too short")]
    [InlineData(new byte[] { 1, 2, 3 }, "too short")]
    [InlineData(new byte[] { 1, 0, 0, 0, 0, 0, 0, 0 }, "claims 1 bytes")]
    [InlineData(new byte[] { 255, 255, 255, 255, 255, 255, 255, 255, 0 }, "claims 18446744073709551615 bytes")]
    [InlineData(new byte[] { 0, 0, 0, 0, 0, 0, 0, 128, 0 }, "claims 9223372036854775808 bytes")]
    public void LengthsAreChecked(byte[] bytes, string refusal)
    {
        using TemporaryFolder folder = new();
        string path = folder.WriteFile("x.safetensors", bytes);
        CamelsException refused = Assert.Throws<CamelsException>(() => SafetensorsFile.Open(path));
        Assert.Equal(ExitCode.BadInput, refused.Code);
        Assert.Contains(refusal, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AHeaderBeyondTheFormatsLimitIsRefusedUnread()
    {
        byte[] length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, SafetensorsHeader.MaximumJsonBytes + 1L);
        Assert.Throws<CamelsException>(() => SafetensorsHeader.JsonBytes(length, long.MaxValue, "x"));
        BinaryPrimitives.WriteInt64LittleEndian(length, SafetensorsHeader.MaximumJsonBytes);
        Assert.Equal(SafetensorsHeader.MaximumJsonBytes, SafetensorsHeader.JsonBytes(length, long.MaxValue, "x"));
    }

    [Fact]
    public void AMissingFileAndAFolderAreRefused()
    {
        using TemporaryFolder folder = new();
        Assert.Equal(ExitCode.BadInput, Assert.Throws<CamelsException>(() => SafetensorsFile.Open(folder["none"])).Code);
        Assert.Equal(ExitCode.BadInput, Assert.Throws<CamelsException>(() => SafetensorsFile.Open(folder.Path)).Code);
    }

    [Fact]
    public void NoChangeOfAFileDoesMoreThanRefuseIt()
    {
        using TemporaryFolder folder = new();
        string json = "{\"__metadata__\":{\"format\":\"pt\"}," + A + ",\"b.weight\":{\"dtype\":\"BF16\",\"shape\":[3,2],\"data_offsets\":[8,20]}}";
        Fuzz.Run(File(Encoding.UTF8.GetBytes(json), 20), cases: 1000, bytes =>
        {
            using SafetensorsFile file = SafetensorsFile.Open(folder.WriteFile("x.safetensors", bytes));
            foreach (StoredTensor tensor in file.Tensors)
            {
                Assert.Equal(tensor.ByteCount, tensor.Bytes(0, (int)tensor.ByteCount).ToArray().Length);
            }
        });
    }

    private static byte[] File(byte[] json, int dataBytes)
    {
        byte[] file = new byte[8 + json.Length + dataBytes];
        BinaryPrimitives.WriteInt64LittleEndian(file, json.Length);
        json.CopyTo(file, 8);
        return file;
    }
}
