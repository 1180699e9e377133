using System.Text;
using System.Text.Json.Nodes;
using Camels.Engine.Models;
using Camels.Kernels;
using Camels.Testing;
using Xunit;

namespace Camels.Engine.Tests.Checkpoints;

public class ModelConfigTests
{
    private const string Small = """
        {"model_type": "llama", "hidden_size": 64, "intermediate_size": 172, "num_hidden_layers": 2, "num_attention_heads": 8, "vocab_size": 512}
        """;

    private const string Sizes = """
        "hidden_size": 64, "intermediate_size": 172, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 512
        """;

    private const string NeoX = "\"model_type\": \"gpt_neox\"";

    private const string Llama3 = """
        {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 1024}
        """;

    [Fact]
    public void OldConfigsTakeTheDefaultsOfTransformers()
    {
        ModelConfig config = Read(Small);
        Assert.Equal((8, 8, 8), (config.HeadCount, config.KeyValueHeadCount, config.HeadSize));
        Assert.Equal((10000.0, 1e-6, 2048), (config.RopeBase, config.NormEpsilon, config.MaximumPositions));
        Assert.Equal((1, 2, null, false, DType.F32), (config.BosId, Assert.Single(config.EosIds), config.PadId, config.TiedEmbeddings, config.StoredAs));
    }

    [SharedTheory("golden/llama_mha", "models/stories260K-bf16-sharded")]
    [InlineData("golden/llama_mha", 4, 12, 10000, 1e-6, 72048)]
    [InlineData("golden/llama_gqa_odd", 3, 8, 10000, 1e-5, 101304)]
    [InlineData("golden/llama_gqa_tied", 2, 8, 500000, 1e-5, 85312)]
    [InlineData("models/stories260K-bf16-sharded", 4, 8, 10000, 1e-5, 260032)]
    public void RealConfigsAreReadAndWrittenWithoutLoss(string folder, int keyValueHeads, int headSize, double rope, double epsilon, long parameters)
    {
        ModelConfig config = ModelConfigFile.Read(Path.Combine(SharedFiles.Path(folder), "config.json"));
        Assert.Equal((keyValueHeads, headSize, rope, epsilon), (config.KeyValueHeadCount, config.HeadSize, config.RopeBase, config.NormEpsilon));
        Assert.Equal(parameters, config.ParameterCount());
        Assert.Equal(config with { EosIds = [] }, Read(Encoding.UTF8.GetString(ModelConfigFile.ToJson(config))) with { EosIds = [] });
    }

    [Theory]
    [InlineData("eos_token_id", "[2, 7]", 2, 7)]
    [InlineData("eos_token_id", "[]")]
    [InlineData("eos_token_id", "null")]
    [InlineData("eos_token_id", "0", 0)]
    public void EosMayBeOneOrManyOrNone(string name, string value, params int[] expected)
    {
        ModelConfig config = Read(With(name, value));
        Assert.Equal(expected, config.EosIds);
        Assert.Equal(expected, Read(Encoding.UTF8.GetString(ModelConfigFile.ToJson(config))).EosIds);
    }

    [Theory]
    [InlineData("head_dim", "32", true)]
    [InlineData("pad_token_id", "-1", false)]
    [InlineData("pad_token_id", "0", true)]
    [InlineData("bos_token_id", "null", true)]
    [InlineData("rope_scaling", "{\"rope_type\": \"default\"}", false)]
    [InlineData("rope_scaling", "{\"type\": \"linear\", \"factor\": 2}", true)]
    [InlineData("rope_scaling", Llama3, true)]
    [InlineData("rope_parameters", Llama3, true)]
    [InlineData("attention_bias", "true", true)]
    [InlineData("mlp_bias", "true", true)]
    [InlineData("sliding_window", "4096", false)]
    [InlineData("rope_parameters", "{\"rope_theta\": 5e5, \"rope_type\": \"default\"}", true)]
    [InlineData("dtype", "\"bfloat16\"", true)]
    [InlineData("hidden_size", "64.0", false)]
    [InlineData("attention_dropout", "0.1", true)]
    [InlineData("rms_norm_eps", "9.999999974752427e-07", true)]
    public void AcceptedValuesSurviveWriting(string name, string value, bool differsFromDefault)
    {
        ModelConfig config = Read(With(name, value)) with { EosIds = [] };
        Assert.Equal(differsFromDefault, config != Read(Small) with { EosIds = [] });
        Assert.Equal(config, Read(Encoding.UTF8.GetString(ModelConfigFile.ToJson(config))));
    }

    [Theory]
    [InlineData("model_type", "\"mamba\"", "llama, mistral, qwen2, opt or gpt_neox")]
    [InlineData("model_type", "3", "a string")]
    [InlineData("model_type", "null", "llama")]
    [InlineData("hidden_act", "\"gelu\"", "\"silu\"")]
    [InlineData("rope_scaling", "{\"type\": \"dynamic\", \"factor\": 2}", "\"linear\" or \"llama3\"")]
    [InlineData("rope_scaling", "{}", "\"linear\" or \"llama3\"")]
    [InlineData("rope_scaling", "4", "an object or null")]
    [InlineData("rope_parameters", "{\"rope_type\": \"yarn\"}", "\"linear\" or \"llama3\"")]
    [InlineData("mlp_bias", "1", "true or false")]
    [InlineData("pretraining_tp", "2", "1")]
    [InlineData("attention_dropout", "1", "a number from 0, below 1")]
    [InlineData("quantization_config", "{\"bits\": 4}", "none")]
    [InlineData("sliding_window", "1024", "at least max_position_embeddings, 2048")]
    [InlineData("partial_rotary_factor", "0.5", "1")]
    [InlineData("hidden_size", "0", "an integer from 1")]
    [InlineData("hidden_size", "-64", "an integer from 1")]
    [InlineData("hidden_size", "65", "a multiple of num_attention_heads, 8")]
    [InlineData("hidden_size", "72", "an even number of rotated channels")]
    [InlineData("hidden_size", "8192", "at most 256 channels")]
    [InlineData("hidden_size", "1e300", "an integer from 1")]
    [InlineData("hidden_size", "1e999", "an integer from 1")]
    [InlineData("hidden_size", "64.5", "an integer from 1")]
    [InlineData("hidden_size", "\"64\"", "an integer from 1")]
    [InlineData("hidden_size", "null", "an integer from 1")]
    [InlineData("num_hidden_layers", "2147483647", "an integer from 1 to 4096")]
    [InlineData("num_key_value_heads", "3", "a divisor of num_attention_heads, 8")]
    [InlineData("num_key_value_heads", "16", "an integer from 1 to 8")]
    [InlineData("head_dim", "7", "an even number")]
    [InlineData("head_dim", "1000000", "an integer from 1")]
    [InlineData("vocab_size", "99999999999999999999", "an integer from 1")]
    [InlineData("rms_norm_eps", "0", "a number above 0")]
    [InlineData("rms_norm_eps", "-1e-5", "a number above 0")]
    [InlineData("rope_theta", "1e400", "a finite number")]
    [InlineData("tie_word_embeddings", "\"no\"", "true or false")]
    [InlineData("bos_token_id", "512", "an integer from 0 to 511")]
    [InlineData("eos_token_id", "[2, 600]", "an integer from 0 to 511")]
    [InlineData("eos_token_id", "{}", "an integer from 0 to 511")]
    [InlineData("torch_dtype", "\"float8\"", "\"float32\"")]
    public void WhatTheEngineCannotRepresentIsRefusedByNameAndValue(string name, string value, string accepted)
    {
        CamelsException refused = Assert.Throws<CamelsException>(() => Read(With(name, value)));
        Assert.Equal(ExitCode.BadInput, refused.Code);
        Assert.Contains($"config.json: {name} is {value}", refused.Message, StringComparison.Ordinal);
        Assert.Contains(accepted, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void NeoXRotatesTheShareThatNewerFilesKeepAmongRopeParameters()
    {
        ModelConfig older = Read("{" + $"{NeoX}, {Sizes}, \"rotary_pct\": 0.5, \"rotary_emb_base\": 500" + "}");
        ModelConfig newer = Read(
            "{" + $"{NeoX}, {Sizes}, \"rope_parameters\": " + """{"rope_type": "default", "rope_theta": 500, "partial_rotary_factor": 0.5}}""");
        Assert.Equal(0.5, newer.RotaryShare);
        Assert.Equal(older with { EosIds = [] }, newer with { EosIds = [] });
    }

    [Theory]
    [InlineData("\"model_type\": \"llama\"", "\"rope_parameters\": {\"partial_rotary_factor\": 0.5}", "rope_parameters: partial_rotary_factor is 0.5; accepted: 1")]
    [InlineData("\"model_type\": \"llama\"", "\"rope_scaling\": {\"type\": \"default\", \"rope_theta\": 500}", "rope_scaling: rope_theta is 500; accepted: 10000")]
    [InlineData(NeoX, "\"rope_scaling\": {\"type\": \"default\", \"partial_rotary_factor\": 1}", "partial_rotary_factor is 1; accepted: 0.25")]
    [InlineData(NeoX, "\"rope_parameters\": {\"partial_rotary_factor\": 0.2}", "an even number of a head's 16 channels")]
    [InlineData(NeoX, "\"head_dim\": 8", "head_dim is 8; accepted: none")]
    [InlineData("\"model_type\": \"opt\", \"ffn_dim\": 64", "\"head_dim\": 8", "head_dim is 8; accepted: none")]
    public void WhatTransformersWouldReadOtherwiseIsRefused(string family, string field, string refusal)
    {
        CamelsException refused = Assert.Throws<CamelsException>(() => Read("{" + $"{family}, {Sizes}, {field}" + "}"));
        Assert.Equal(ExitCode.BadInput, refused.Code);
        Assert.Contains(refusal, refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"model_type\": \"llama\"}", "is missing")]
    [InlineData("{}", "model_type is missing")]
    [InlineData("{\n\n  \"a\": oops\n}", "config.json, line 3: ")]
    [InlineData("[]", "holds a JSON array, expected an object")]
    [InlineData("", "line 1")]
    [InlineData("{\"model_type\": \"llama\", \"model_type\": \"opt\"}", "line 1")]
    [InlineData("{\"model_type\": \"\\ud800\"}", "not valid UTF-8 or UTF-16")]
    public void BrokenFilesAreRefusedWithTheLine(string text, string refusal)
    {
        CamelsException refused = Assert.Throws<CamelsException>(() => Read(text));
        Assert.Equal(ExitCode.BadInput, refused.Code);
        Assert.Contains(refusal, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void DeepNestingIsRefused()
    {
        string deep = "{\"a\":" + new string('[', 100_000) + new string(']', 100_000) + "}";
        Assert.Equal(ExitCode.BadInput, Assert.Throws<CamelsException>(() => Read(deep)).Code);
    }

    [Fact]
    public void NoChangeOfAConfigDoesMoreThanRefuseIt()
    {
        using TemporaryFolder folder = new();
        byte[] config = ModelConfigFile.ToJson(Read(With("eos_token_id", "[2, 7]")));
        Fuzz.Run(config, cases: 1000, bytes =>
        {
            ModelConfig read = ModelConfigFile.Read(folder.WriteFile("config.json", bytes));
            Assert.True(read.ParameterCount() > 0);
        });
    }

    private static string With(string name, string value)
    {
        JsonObject fields = JsonNode.Parse(Small)!.AsObject();
        fields.Remove(name);
        string text = fields.ToJsonString();
        return $"{text[..^1]},\"{name}\": {value}}}";
    }

    private static ModelConfig Read(string text)
    {
        using TemporaryFolder folder = new();
        return ModelConfigFile.Read(folder.WriteFile("config.json", Encoding.UTF8.GetBytes(text)));
    }
}
