using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Camels.Engine.Checkpoints;
using Camels.Engine.Models;
using Camels.Kernels;
using Camels.Testing;
using Xunit;

namespace Camels.Engine.Tests.Checkpoints;

public class HuggingFaceFolderTests
{
    private static readonly ModelConfig _tiny = new()
    {
        HiddenSize = 8,
        IntermediateSize = 12,
        BlockCount = 2,
        HeadCount = 2,
        KeyValueHeadCount = 1,
        HeadSize = 4,
        VocabularySize = 16,
        MaximumPositions = 32,
        BosId = 1,
        EosIds = [2],
    };

    [SharedFact("models/stories260K", "models/stories260K-bf16-sharded")]
    public void ShardedBFloat16IsTheSingleFileRounded()
    {
        using HuggingFaceFolder single = HuggingFaceFolder.Open(SharedFiles.Path("models/stories260K"));
        using HuggingFaceFolder sharded = HuggingFaceFolder.Open(SharedFiles.Path("models/stories260K-bf16-sharded"));
        foreach ((string name, _) in single.Config.Tensors())
        {
            byte[] rounded = new byte[sharded.Weights.Get(name).ByteCount];
            single.Weights.Get(name).Read(DType.BF16, rounded);
            Assert.True(sharded.Weights.Get(name).Bytes(0, rounded.Length).SequenceEqual(rounded), name);
        }
    }

    [SharedFact("models/stories260K", "models/stories260K-bf16-sharded")]
    public void ConvertingGivesTheFilesOfTransformersAndBackTheValues()
    {
        using TemporaryFolder folder = new();
        string published = SharedFiles.Path("models/stories260K-bf16-sharded");
        Conversion.Convert(SharedFiles.Path("models/stories260K"), folder["bf16"], DType.BF16, long.MaxValue);
        Conversion.Convert(folder["bf16"], folder["shards"], DType.BF16, 100_000);
        Conversion.Convert(folder["shards"], folder["f32"], DType.F32, long.MaxValue);

        Assert.True(Directory.GetFiles(folder["shards"], "model-*-of-00006.safetensors").Length == 6);
        Assert.Equal(520064, (int)JsonNode.Parse(File.ReadAllText(Path.Combine(folder["shards"], TensorFiles.IndexName)))!["metadata"]!["total_size"]!);
        using HuggingFaceFolder expected = HuggingFaceFolder.Open(published);
        using HuggingFaceFolder actual = HuggingFaceFolder.Open(folder["f32"]);
        foreach ((string name, int[] shape) in expected.Config.Tensors())
        {
            int elements = shape.Aggregate(1, (product, size) => product * size);
            byte[] a = new byte[elements * 4];
            byte[] b = new byte[elements * 4];
            expected.Weights.Get(name).Read(DType.F32, a);
            actual.Weights.Get(name).Read(DType.F32, b);
            Assert.Equal(a, b);
        }

        foreach (string companion in (string[])["tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json"])
        {
            Assert.Equal(File.ReadAllBytes(Path.Combine(published, companion)), File.ReadAllBytes(Path.Combine(folder["f32"], companion)));
        }
    }

    [SharedFact("golden/llama_gqa_odd", "golden/llama_mha", "golden/llama_gqa_tied")]
    public void KnownExtraTensorsAreIgnored()
    {
        using HuggingFaceFolder odd = HuggingFaceFolder.Open(SharedFiles.Path("golden/llama_gqa_odd"));
        Assert.Contains(odd.Weights.Tensors, t => t.Name.EndsWith("inv_freq", StringComparison.Ordinal));
        HuggingFaceFolder.Open(SharedFiles.Path("golden/llama_mha")).Dispose();
        HuggingFaceFolder.Open(SharedFiles.Path("golden/llama_gqa_tied")).Dispose();
    }

    [SharedTheory("golden")]
    [InlineData("golden/opt_preln", 66656)]
    [InlineData("golden/opt_postln_proj", 95424)]
    [InlineData("golden/opt_preln_decoder_prefix", 42352)]
    [InlineData("golden/neox_parallel", 92616)]
    [InlineData("golden/neox_sequential", 118612)]
    public void EveryFamilyIsConvertedToItsOwnNamesWithoutLoss(string source, long parameters)
    {
        using TemporaryFolder folder = new();
        Conversion.Convert(SharedFiles.Path(source), folder["m"], DType.F32, maximumFileBytes: 1 << 20);
        using HuggingFaceFolder original = HuggingFaceFolder.Open(SharedFiles.Path(source));
        using HuggingFaceFolder written = HuggingFaceFolder.Open(folder["m"]);
        Assert.Equal(original.Config with { EosIds = [] }, written.Config with { EosIds = [] });
        Assert.Equal(parameters, written.Config.ParameterCount());
        foreach ((string name, _) in written.Config.Tensors())
        {
            StoredTensor expected = original.Weight(name);
            Assert.True(expected.Bytes(0, (int)expected.ByteCount).SequenceEqual(written.Weights.Get(name).Bytes(0, (int)expected.ByteCount)), name);
        }
    }

    [Fact]
    public void ExportWritesWhatOpenReads()
    {
        using TemporaryFolder folder = new();
        HuggingFaceFolder.Export(folder["m"], Tiny(_tiny), replace: false);
        Assert.Equal(["config.json", "generation_config.json", "model.safetensors"], Directory.GetFiles(folder["m"]).Select(Path.GetFileName).Order());
        using HuggingFaceFolder model = HuggingFaceFolder.Open(folder["m"]);
        Assert.Equal(_tiny with { EosIds = [] }, model.Config with { EosIds = [] });
        Assert.Equal(1, (int)JsonNode.Parse(File.ReadAllText(Path.Combine(folder["m"], "generation_config.json")))!["bos_token_id"]!);

        CamelsException refused = Assert.Throws<CamelsException>(() => HuggingFaceFolder.Export(folder["m"], Tiny(_tiny), replace: false));
        Assert.Equal(ExitCode.Usage, refused.Code);
        HuggingFaceFolder.Export(folder["m"] + "/", Tiny(_tiny with { BosId = 3 }), replace: true);
        Assert.Equal(3, ModelConfigFile.Read(Path.Combine(folder["m"], "config.json")).BosId);
        Assert.Equal([folder["m"]], Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public void AMissingTensorShardOrFileIsNamed()
    {
        using TemporaryFolder folder = new();
        ModelToWrite model = Tiny(_tiny) with { MaximumFileBytes = 500 };
        HuggingFaceFolder.Export(folder["m"], model, replace: false);
        string[] shards = Directory.GetFiles(folder["m"], "model-*");
        Assert.True(shards.Length > 3);
        File.Move(shards[1], folder["aside"]);
        AssertRefused(Path.GetFileName(shards[1]), () => HuggingFaceFolder.Open(folder["m"]));

        string index = Path.Combine(folder["m"], TensorFiles.IndexName);
        File.Move(folder["aside"], shards[1]);
        File.WriteAllText(index, File.ReadAllText(index).Replace("model.norm.weight", "model.morn.weight", StringComparison.Ordinal));
        AssertRefused("'model.morn.weight'", () => HuggingFaceFolder.Open(folder["m"]));
        File.Delete(index);
        AssertRefused("neither model.safetensors nor", () => HuggingFaceFolder.Open(folder["m"]));
        File.WriteAllText(Path.Combine(folder["m"], "pytorch_model.bin"), "");
        AssertRefused("too short for a PyTorch file", () => HuggingFaceFolder.Open(folder["m"]));
        AssertRefused("is not a folder", () => HuggingFaceFolder.Open(folder["none"]));
        AssertRefused("neither model.safetensors nor", () => TensorFiles.OpenModel(folder["none"]));
    }

    [Theory]
    [InlineData("lm_head.weight", "'lm_head.weight' is missing")]
    [InlineData("model.layers.1.mlp.up_proj.weight", "'model.layers.1.mlp.up_proj.weight' is missing")]
    public void AConfigThatNamesMoreThanThereIsIsRefused(string name, string refusal)
    {
        using TemporaryFolder folder = new();
        HuggingFaceFolder.Export(folder["m"], Tiny(_tiny), replace: false);
        Overwrite(folder["m"], Tensors(_tiny).Where(t => t.Name != name));
        AssertRefused(refusal, () => HuggingFaceFolder.Open(folder["m"]));
    }

    [Fact]
    public void WrongShapesTypesAndUnknownTensorsAreRefused()
    {
        using TemporaryFolder folder = new();
        HuggingFaceFolder.Export(folder["m"], Tiny(_tiny), replace: false);
        Overwrite(folder["m"], Replace("model.norm.weight", t => t with { Shape = [4, 2] }));
        AssertRefused("'model.norm.weight' has the shape (4, 2), expected (8)", () => HuggingFaceFolder.Open(folder["m"]));
        Overwrite(folder["m"], Replace("model.norm.weight", t => t with { Type = StoredType.I32 }));
        AssertRefused("'model.norm.weight' is I32", () => HuggingFaceFolder.Open(folder["m"]));
        Overwrite(folder["m"], Tensors(_tiny).Append(SafetensorsTests.Counted("model.layers.0.self_attn.q_proj.bias", StoredType.F32, 8)));
        AssertRefused("'model.layers.0.self_attn.q_proj.bias' belongs to no Llama", () => HuggingFaceFolder.Open(folder["m"]));
    }

    [Theory]
    [InlineData("../x.safetensors")]
    [InlineData("/etc/x.safetensors")]
    [InlineData("a\\\\b.safetensors")]
    [InlineData("C:x.safetensors")]
    [InlineData("x\\u0000.safetensors")]
    [InlineData("passwd")]
    [InlineData("..")]
    [InlineData("")]
    public void AnIndexCannotLeadOutOfItsFolder(string file)
    {
        using TemporaryFolder folder = new();
        Directory.CreateDirectory(folder["m"]);
        SafetensorsTests.Write(folder["w"], [SafetensorsTests.Counted("a", StoredType.F32, 1)]);
        File.Copy(Path.Combine(folder["w"], "x.safetensors"), folder["x.safetensors"]);
        File.WriteAllText(Path.Combine(folder["m"], TensorFiles.IndexName), $"{{\"weight_map\": {{\"a\": \"{file}\"}}}}");
        AssertRefused("not the name of a .safetensors or .bin file beside the index", () => TensorFiles.OpenModel(folder["m"]));
    }

    [Fact]
    public void TheSameTensorInTwoFilesIsRefused()
    {
        using TemporaryFolder folder = new();
        TensorToWrite tensor = SafetensorsTests.Counted("a", StoredType.F32, 1);
        SafetensorsTests.Write(folder["1"], [tensor]);
        SafetensorsTests.Write(folder["2"], [tensor]);
        string[] paths = [Path.Combine(folder["1"], "x.safetensors"), Path.Combine(folder["2"], "x.safetensors")];
        AssertRefused("'a' is in two files", () => TensorFiles.Open(folder.Path, paths));
    }

    [Fact]
    public void NoChangeOfAnIndexDoesMoreThanRefuseIt()
    {
        using TemporaryFolder folder = new();
        HuggingFaceFolder.Export(folder["m"], Tiny(_tiny) with { MaximumFileBytes = 500 }, replace: false);
        string index = Path.Combine(folder["m"], TensorFiles.IndexName);
        Fuzz.Run(File.ReadAllBytes(index), cases: 300, bytes =>
        {
            File.WriteAllBytes(index, bytes);
            HuggingFaceFolder.Open(folder["m"]).Dispose();
        });
    }

    internal static ModelToWrite Tiny(ModelConfig config) => new() { Config = config, Tensors = [.. Tensors(config)] };

    internal static ModelConfig TinyConfig => _tiny;

    private static IEnumerable<TensorToWrite> Tensors(ModelConfig config) => config.Tensors().Select((t, i) => new TensorToWrite(
        t.Name, StoredTypes.Of(config.StoredAs), [.. t.Shape.Select(size => (long)size)], (offset, bytes) =>
        {
            Span<float> values = MemoryMarshal.Cast<byte, float>(bytes);
            for (int n = 0; n < values.Length; n++)
            {
                values[n] = i + 1 + ((offset / 4) + n) / 1000f;
            }
        }));

    private static IEnumerable<TensorToWrite> Replace(string name, Func<TensorToWrite, TensorToWrite> change) =>
        Tensors(_tiny).Select(t => t.Name == name ? change(t) : t);

    private static void Overwrite(string folder, IEnumerable<TensorToWrite> tensors)
    {
        using TemporaryFolder other = new();
        SafetensorsTests.Write(other["w"], tensors);
        File.Copy(Path.Combine(other["w"], "x.safetensors"), Path.Combine(folder, TensorFiles.SingleFileName), overwrite: true);
    }

    private static void AssertRefused(string refusal, Func<IDisposable> open)
    {
        CamelsException refused = Assert.Throws<CamelsException>(() => open());
        Assert.Equal(ExitCode.BadInput, refused.Code);
        Assert.Contains(refusal, refused.Message, StringComparison.Ordinal);
    }
}
