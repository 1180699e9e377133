using Camels.Engine.Generation;
using Camels.Engine.Layers;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Tests.Models;
using Camels.Kernels;
using Xunit;

namespace Camels.Engine.Tests.Generation;

/// <summary>A prompt's completion is its own: batch size, order and company do not change a token or a log-probability.</summary>
public class GeneratorBitTests
{
    private static readonly List<Prompt> _prompts =
        [.. TinyLlama.Documents(count: 12, longest: 20, seed: 11).Select((d, i) => new Prompt($"p{i}", d.Ids))];

    [Theory]
    [InlineData("llama", "fp32", 0.0)]
    [InlineData("llama", "bf16", 0.9)]
    [InlineData("opt", "fp32", 0.9)]
    [InlineData("opt norms last", "bf16", 0.9)]
    [InlineData("neox parallel", "fp32", 0.9)]
    [InlineData("neox sequential", "bf16", 0.9)]
    [InlineData("qwen2", "fp32", 0.9)]
    public void Batches_of_any_size_and_order_give_the_same(string name, string precisionName, double temperature)
    {
        Precision precision = precisionName == "bf16" ? Precision.Bf16 : Precision.Fp32;
        GenerationSettings settings = new() { MaximumNewTokens = 15, Temperature = temperature, TopP = 0.95, TopK = 20, Samples = 2, Seed = 5, EosIds = [2] };
        Dictionary<string, string> all = Generate(name, precision, _prompts, settings);
        Dictionary<string, string> one = Generate(name, precision, _prompts, settings with { MaximumBatchTokens = 1 });
        Dictionary<string, string> seven = Generate(name, precision, _prompts, settings with { MaximumBatchTokens = 7 * 35 });
        Dictionary<string, string> reversed = Generate(name, precision, [.. Enumerable.Reverse(_prompts)], settings);
        Assert.Equal(24, all.Count);
        foreach ((string key, string text) in all)
        {
            Assert.Equal(text, one[key]);
            Assert.Equal(text, seven[key]);
            Assert.Equal(text, reversed[key]);
        }
    }

    // One draw in 2^25 is so near to 1 that it would be 1 as a single: the first token of this prompt with this seed.
    [Fact]
    public void A_draw_next_to_one_is_a_draw()
    {
        Prompt prompt = _prompts[0];
        ulong seed = 0;
        while ((float)RandomBits.Uniform(seed, RandomBits.StreamOf(prompt.Id), (ulong)prompt.Ids.Count) < 1)
        {
            seed++;
        }

        GenerationSettings settings = new() { MaximumNewTokens = int.MaxValue, Temperature = 0.9, Seed = seed, EosIds = [2] };
        Assert.Single(Generate("llama", Precision.Fp32, [prompt], settings));
    }

    // The embedding of one token is NaN: only who reads it fails.
    [Fact]
    public void A_prompt_whose_logits_are_not_finite_is_an_error_of_its_own()
    {
        using Device device = Device.OpenCpu(threads: 2);
        using ILanguageModel model = TinyModels.Create("llama", device, Precision.Fp32);
        Parameter embedding = model.Units.SelectMany(unit => unit.Parameters).First(parameter => parameter.Name.Contains("embed", StringComparison.Ordinal));
        embedding.Weight.AsSpan<float>().Slice(7 * embedding.Weight.Shape[1], embedding.Weight.Shape[1]).Fill(float.NaN);
        List<Completion> completions = [];
        new Generator(model, tokenizer: null, device).Generate(
            [new Prompt("good", [3, 4]), new Prompt("bad", [3, 7]), new Prompt("also good", [4, 3])],
            new GenerationSettings { MaximumNewTokens = 1, EosIds = [] }, completions.Add);
        Assert.Equal([null, true, null], completions.Select(completion => completion.Error?.Contains("logit is NaN", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("llama", "bf16", "sm_80")]
    [InlineData("neox parallel", "fp32", "sm_90a")]
    public void Batches_of_any_size_give_the_same_on_emulated_gpus(string name, string precisionName, string target)
    {
        Precision precision = precisionName == "bf16" ? Precision.Bf16 : Precision.Fp32;
        GenerationSettings settings = new() { MaximumNewTokens = 5, Temperature = 0.9, TopP = 0.95, TopK = 20, Seed = 5, EosIds = [2] };
        List<Prompt> prompts = _prompts[..5];
        Dictionary<string, string> all = Generate(name, precision, prompts, settings, Device.OpenEmulated(target));
        Dictionary<string, string> one = Generate(name, precision, prompts, settings with { MaximumBatchTokens = 1 }, Device.OpenEmulated(target, seed: 2));
        Assert.Equal(5, all.Count);
        Assert.Equal(all, one);
    }

    [Theory]
    [MemberData(nameof(TinyModels.All), MemberType = typeof(TinyModels))]
    public void The_log_probabilities_are_those_of_the_training_forward(string name) =>
        AssertLosses(name, Device.OpenCpu(threads: 2), Precision.Fp32);

    [Theory]
    [InlineData("llama", "sm_80")]
    [InlineData("llama", "sm_90a")]
    [InlineData("llama of wide heads", "sm_80")]
    [InlineData("llama of wide heads", "sm_90a")]
    [InlineData("opt", "sm_80")]
    [InlineData("neox parallel", "sm_90a")]
    public void They_are_on_emulated_gpus_too(string name, string target)
    {
        AssertLosses(name, Device.OpenEmulated(target), Precision.Fp32);
        AssertLosses(name, Device.OpenEmulated(target, seed: 2), Precision.Bf16);
    }

    private static void AssertLosses(string name, Device on, Precision precision)
    {
        using Device device = on;
        using ILanguageModel model = TinyModels.Create(name, device, precision);
        model.PredictedTokens = 51;
        Prompt prompt = _prompts[3];
        Completion? completion = null;
        new Generator(model, tokenizer: null, device).Generate([prompt], new GenerationSettings { MaximumNewTokens = 12 }, c => completion = c);

        int[] ids = [.. prompt.Ids, .. completion!.TokenIds];
        using TokenBatch batch = new(device, ids.Length, lanes: 1, DType.F32);
        int[] labels = [.. ids.Select((_, t) => t + 1 < ids.Length && t + 1 >= prompt.Ids.Count ? ids[t + 1] : TokenBatch.NoLabel)];
        batch.AddLane(ids, labels, [0, ids.Length], new double[12]);
        batch.Upload(device.Stream);
        using Arena arena = Arena.Allocate(device, 64 << 20, "test");
        Pass pass = new(device.Stream, arena, precision, batch);
        Tensor losses = pass.NewStatistic(batch.TrainedTokens);
        model.Losses(pass, losses);
        float[] values = new float[12];
        HostTransfer.ToHost<float>(device.Stream, losses, values);
        Assert.Equal(completion.LogProbabilities.Select(BitConverter.SingleToInt32Bits), values.Select(loss => BitConverter.SingleToInt32Bits(-loss)));
    }

    [Fact]
    public void A_prompt_that_cannot_be_continued_is_an_error_entry()
    {
        using Device device = Device.OpenCpu(threads: 1);
        using ILanguageModel model = TinyLlama.Create(device, Precision.Fp32);
        List<Completion> completions = [];
        Prompt[] prompts = [new("empty", []), new("long", new int[96]), new("foreign", [53]), new("good", [5])];
        new Generator(model, tokenizer: null, device).Generate(prompts, new GenerationSettings { MaximumNewTokens = 2 }, completions.Add);
        Assert.Equal(["empty", "long", "foreign", "good"], completions.Select(c => c.Id));
        Assert.All(completions.Take(3), c => Assert.NotNull(c.Error));
        Assert.Null(completions[3].Error);
        Assert.Equal(2, completions[3].TokenIds.Count);
    }

    private static Dictionary<string, string> Generate(
        string name, Precision precision, IReadOnlyList<Prompt> prompts, GenerationSettings settings, Device? on = null)
    {
        using Device device = on ?? Device.OpenCpu(threads: 2);
        using ILanguageModel model = TinyModels.Create(name, device, precision);
        Dictionary<string, string> result = [];
        new Generator(model, tokenizer: null, device).Generate(prompts, settings, c => result.Add(
            $"{c.Id}#{c.Sample}",
            $"{c.FinishReason} {string.Join(' ', c.TokenIds)} | {string.Join(' ', c.LogProbabilities.Select(BitConverter.SingleToInt32Bits))}"));
        return result;
    }
}
