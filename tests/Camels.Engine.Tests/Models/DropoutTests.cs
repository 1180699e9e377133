using System.Text;
using Camels.Engine.Layers;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Tests.Checkpoints;
using Camels.Kernels;
using Xunit;

namespace Camels.Engine.Tests.Models;

/// <summary>What training leaves out: what the config says, or the run is refused.</summary>
public class DropoutTests
{
    [Theory]
    [InlineData("opt", """, "dropout": 0.25, "attention_dropout": 0.5, "activation_dropout": 0.75, "layerdrop": 0.125""", 0.25, 0.5, 0.75, 0.125)]
    [InlineData("opt", "", 0.1, 0, 0, 0)]
    [InlineData("gpt_neox", """, "hidden_dropout": 0.25, "attention_dropout": 0.5""", 0.25, 0.5, 0, 0)]
    [InlineData("gpt_neox", "", 0, 0, 0, 0)]
    [InlineData("llama", """, "attention_dropout": 0.5""", 0, 0.5, 0, 0)]
    public void Configs_are_read_and_written_as_transformers_has_them(
        string family, string fields, double hidden, double attention, double activation, double block)
    {
        DropoutShares expected = new(hidden, attention, activation, block);
        using TemporaryFolder folder = new();
        string text = $$"""
            {"model_type": "{{family}}", "hidden_size": 8, "num_attention_heads": 1, "num_hidden_layers": 1, "vocab_size": 8, "ffn_dim": 16,
             "intermediate_size": 16, "max_position_embeddings": 8{{fields}}}
            """;
        ModelConfig config = ModelConfigFile.Read(folder.WriteFile("config.json", Encoding.UTF8.GetBytes(text)));
        Assert.Equal(expected, config.Dropout);
        Assert.Equal(expected, ModelConfigFile.Read(folder.WriteFile("config.json", ModelConfigFile.ToJson(config))).Dropout);
    }

    [Fact]
    public void A_run_trains_with_exactly_what_the_config_or_the_recipe_says()
    {
        DropoutShares published = new(Hidden: 0.1);
        Assert.Equal(published, published.ForTraining(ModelFamily.Opt, asked: null, "config.json"));
        Assert.Equal(new DropoutShares(0.3), new DropoutShares(0.1, 0.1, 0.1, 0.1).ForTraining(ModelFamily.GptNeoX, asked: 0.3, "config.json"));
        Assert.Equal(default, new DropoutShares(0.1, 0.1, 0.1, 0.1).ForTraining(ModelFamily.Llama, asked: 0, "config.json"));
        CamelsException refused = Assert.Throws<CamelsException>(() => published.ForTraining(ModelFamily.Llama, asked: 0.1, "config.json"));
        Assert.Equal(ExitCode.Usage, refused.Code);
    }

    [Theory]
    [InlineData("attention_dropout", 0.1, 0, 0)]
    [InlineData("activation_dropout", 0, 0.1, 0)]
    [InlineData("layerdrop", 0, 0, 0.1)]
    public void What_training_cannot_leave_out_is_refused_by_name(string field, double attention, double activation, double block)
    {
        CamelsException refused = Assert.Throws<CamelsException>(
            () => new DropoutShares(0.1, attention, activation, block).ForTraining(ModelFamily.Opt, asked: null, "m/config.json"));
        Assert.Equal(ExitCode.BadInput, refused.Code);
        Assert.Equal($"m/config.json: {field} is 0.1, which this version cannot train with; model.dropout: 0 trains without any dropout", refused.Message);
    }

    [Fact]
    public void A_share_is_zero_and_the_rest_is_larger()
    {
        const int Channels = 4000;
        using Device device = Device.OpenCpu(threads: 1);
        using TokenBatch batch = new(device, tokens: 5, lanes: 1, DType.F32);
        batch.AddLane([7, 8, 9, 7, 8], [-1, -1, -1, -1, -1], [0, 3, 5], []);
        batch.Upload(device.Stream);
        using Arena arena = Arena.Allocate(device, 1 << 20, "test");
        Pass pass = new(device.Stream, arena, Precision.Fp32, batch);
        Tensor x = pass.New(5, Channels);
        x.AsSpan<float>().Fill(3);
        DropoutLayer layer = new("a", share: 0.25);
        Assert.Equal(x.Address, layer.Forward(pass, x).Address);
        pass.DropoutSeed = 1;
        float[] y = layer.Forward(pass, x).AsSpan<float>().ToArray();
        Assert.All(y, number => Assert.True(number is 0 or 4, $"{number} is neither left out nor 3 / 0.75"));

        // Five standard deviations of 20,000 draws.
        Assert.InRange(y.Count(number => number == 0) / (double)y.Length, 0.25 - 0.016, 0.25 + 0.016);
        Assert.NotEqual(y, new DropoutLayer("b", share: 0.25).Forward(pass, x).AsSpan<float>().ToArray());
        Assert.Equal(5, y.Chunk(Channels).Select(row => string.Join(' ', row)).Distinct().Count());
        layer.ForwardInPlace(pass, x);
        Assert.Equal(y, x.AsSpan<float>().ToArray());
    }
}
