using Camels.Engine.Checkpoints;
using Camels.Engine.Generation;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Tests.Checkpoints;
using Camels.Engine.Training;
using Camels.Kernels;
using Xunit;

namespace Camels.Engine.Tests.Models;

/// <summary>Adapters and freezing: what is not trained stays as it is, to the bit and to the byte.</summary>
public class AdapterTests
{
    public static TheoryData<string, string> Targets => new()
    {
        { "llama", "q_proj v_proj" },
        { "llama", "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj" },
        { "opt norms last", "q_proj out_proj fc1 fc2" },
        { "neox parallel", "query_key_value dense_4h_to_h" },
    };

    [Theory]
    [MemberData(nameof(Targets))]
    public void New_adapters_change_no_bit(string name, string targets)
    {
        foreach (Precision precision in (Precision[])[Precision.Fp32, Precision.Bf16])
        {
            Assert.Equal(Continue(name, adapter: null, precision), Continue(name, Settings(targets), precision));
        }
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void Gradients_are_those_of_finite_differences(string name, string targets)
    {
        using Device device = Device.OpenReference();
        foreach (AdapterSettings settings in (AdapterSettings[])[Settings(targets), Settings(targets) with { Dropout = 0.4, QuantizedBase = true }])
        {
            using ILanguageModel model = TinyModels.CreateAdapted(name, settings, device, Precision.Fp64);
            TestRows rows = new(TinyLlama.Documents(count: 4, longest: 7), documentsPerRow: 2, batchSize: 2);
            using Trainer trainer = new(
                model, device, new TrainerSettings(TinyLlama.Recipe(batchSize: 2), Lanes: 2, LanesPerCall: 0, Steps: 4), rows, sources: 2);
            _ = trainer.Accumulate(step: 0, out _, out _);
            Assert.All(trainer.Optimizer.Parameters, p => Assert.True(p.IsAdapter, p.Name));
            Dictionary<Parameter, double[]> gradients = trainer.Optimizer.Parameters.ToDictionary(p => p, p => p.Gradient.AsSpan<double>().ToArray());
            foreach ((Parameter parameter, double[] gradient) in gradients)
            {
                double largest = gradient.Max(Math.Abs);
                Assert.True(largest > 0, $"{parameter.Name} has no gradient");
                for (int i = 0; i < gradient.Length; i += 1 + (gradient.Length / 3))
                {
                    double numeric = ModelGradientTests.CentralDifference(trainer, parameter, i);
                    Assert.True(Math.Abs(numeric - gradient[i]) <= 1e-6 * largest, $"{parameter.Name}[{i}]: {gradient[i]:E6}, finite differences give {numeric:E6}");
                }
            }
        }
    }

    [Fact]
    public void Training_moves_the_adapter_alone_and_keeps_state_for_it_alone()
    {
        using Device device = Device.OpenCpu(threads: 2);
        AdapterSettings settings = Settings("q_proj v_proj") with { Dropout = 0.2 };
        using ILanguageModel model = TinyModels.CreateAdapted("llama", settings, device, Precision.Bf16);
        Dictionary<string, byte[]> before = Weights(model);
        using Trainer trainer = TrainerOf(model, device, lanesPerCall: 0);
        long adapterElements = model.Units.SelectMany(u => u.Parameters).Where(p => p.IsAdapter).Sum(p => p.Elements);
        Assert.Equal(adapterElements, trainer.Optimizer.Parameters.Sum(p => p.Elements));
        for (int step = 0; step < 3; step++)
        {
            _ = trainer.Step();
        }

        foreach ((string name, byte[] weight) in Weights(model))
        {
            Assert.Equal(name.Contains(".lora_", StringComparison.Ordinal), !weight.AsSpan().SequenceEqual(before[name]));
        }
    }

    [Theory]
    [InlineData("llama")]
    [InlineData("neox sequential")]
    public void Threads_lanes_per_call_and_packing_do_not_change_a_dropout(string name)
    {
        byte[] expected = Train(name, threads: 2, lanesPerCall: 0);
        Assert.Equal(expected, Train(name, threads: 1, lanesPerCall: 1));
        Assert.NotEqual(expected, Train(name, threads: 2, lanesPerCall: 0, seed: 43));
    }

    [Fact]
    public void Bias_patterns_train_biases_and_nothing_else()
    {
        using Device device = Device.OpenCpu(threads: 1);
        using ILanguageModel model = ModelCatalog.Create(TinyModels.Config("opt") with { Trained = ["*.bias"] }, Precision.Fp32, device);
        using Trainer trainer = TrainerOf(model, device, lanesPerCall: 0);
        Assert.Equal(17, trainer.Optimizer.Parameters.Count);
        Assert.All(trainer.Optimizer.Parameters, p => Assert.EndsWith(".bias", p.Name, StringComparison.Ordinal));
        Dictionary<string, byte[]> before = Weights(model);
        _ = trainer.Step();
        _ = trainer.Step();
        Assert.All(Weights(model), pair => Assert.True(
            pair.Key.EndsWith(".bias", StringComparison.Ordinal) || pair.Value.AsSpan().SequenceEqual(before[pair.Key]), pair.Key));
    }

    [Fact]
    public void A_pattern_that_selects_nothing_is_refused()
    {
        using Device device = Device.OpenCpu(threads: 1);
        CamelsException refused = Assert.Throws<CamelsException>(
            () => ModelCatalog.Create(TinyModels.Config("llama") with { Trained = ["*norm*", "*.bias"] }, Precision.Fp32, device));
        Assert.Equal(ExitCode.Usage, refused.Code);
        Assert.Contains("\"*.bias\" selects 0 parameters of 21", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void Merged_computes_what_the_adapter_computed(string name, string targets)
    {
        using TemporaryFolder folder = new();
        using Device device = Device.OpenReference();
        AdapterSettings settings = Settings(targets) with { BaseModel = "../base" };
        using ILanguageModel model = TinyModels.CreateAdapted(name, settings, device, Precision.Fp32);
        HuggingFaceFolder.Export(folder["base"], ModelWeights.BaseToWrite(model, companionFolder: null), replace: false);
        HuggingFaceFolder.Export(folder["adapter"], ModelWeights.ToWrite(model, companionFolder: null), replace: false);
        using HuggingFaceFolder plain = HuggingFaceFolder.Open(folder["base"]);
        using (AdapterFolder adapter = AdapterFolder.Open(folder["adapter"]))
        {
            ModelToWrite merged = new() { Config = plain.Config, Tensors = AdapterMerge.Tensors(plain, adapter, DType.F32) };
            HuggingFaceFolder.Export(folder["merged"], merged, replace: false);
        }

        // Weights are rounded once more: the bound is a few units in the last place of the largest log-probability.
        using ILanguageModel together = ModelWeights.Open(folder["merged"], Precision.Fp32, device);
        (string Ids, float[] LogProbabilities) apart = Completions(model, device);
        (string Ids, float[] LogProbabilities) joined = Completions(together, device);
        Assert.Equal(apart.Ids, joined.Ids);
        float largest = apart.LogProbabilities.Max(Math.Abs);
        Assert.All(apart.LogProbabilities.Zip(joined.LogProbabilities), pair => Assert.InRange(pair.First - pair.Second, -1e-5f * largest, 1e-5f * largest));
        using ILanguageModel read = ModelWeights.Open(folder["adapter"], Precision.Fp32, device);
        Assert.Equal(apart.LogProbabilities, Completions(read, device).LogProbabilities);
    }

    private static AdapterSettings Settings(string targets) => new() { Rank = 3, Alpha = 7, Targets = targets.Split(' ') };

    private static Trainer TrainerOf(ILanguageModel model, Device device, int lanesPerCall, long seed = 42) => new(
        model, device, new TrainerSettings(TinyLlama.Recipe(batchSize: 4) with { Seed = seed }, Lanes: 4, lanesPerCall, Steps: 6),
        new TestRows(TinyLlama.Documents(count: 16, longest: 20), documentsPerRow: 2, batchSize: 4), sources: 2);

    private static byte[] Train(string name, int threads, int lanesPerCall, long seed = 42)
    {
        using Device device = Device.OpenCpu(threads);
        AdapterSettings settings = Settings(name == "llama" ? "q_proj down_proj" : "query_key_value dense") with { Dropout = 0.3 };
        using ILanguageModel model = TinyModels.CreateAdapted(name, settings, device, Precision.Fp32);
        using Trainer trainer = TrainerOf(model, device, lanesPerCall, seed);
        trainer.Pass.Arena.Poisoned = true;
        for (int step = 0; step < 3; step++)
        {
            _ = trainer.Step();
        }

        return [.. Weights(model).OrderBy(pair => pair.Key, StringComparer.Ordinal).SelectMany(pair => pair.Value)];
    }

    private static unsafe Dictionary<string, byte[]> Weights(ILanguageModel model) => model.Units.SelectMany(u => u.Parameters).Where(p => !p.IsQuantized)
        .ToDictionary(p => p.Name, p => new ReadOnlySpan<byte>((void*)p.Weight.Address, (int)p.Weight.Bytes).ToArray());

    private static string Continue(string name, AdapterSettings? adapter, Precision precision)
    {
        using Device device = Device.OpenCpu(threads: 2);
        using ILanguageModel model = ModelCatalog.Create(TinyModels.Config(name) with { Adapter = adapter }, precision, device);
        ModelCatalog.Randomize(model, device.Stream, seed: 7);
        AdapterFolder.Initialize(model, seed: 3);
        (string ids, float[] logProbabilities) = Completions(model, device);
        return $"{ids} {string.Join(' ', logProbabilities.Select(BitConverter.SingleToInt32Bits))}";
    }

    private static (string Ids, float[] LogProbabilities) Completions(ILanguageModel model, Device device)
    {
        List<float> logProbabilities = [];
        string ids = "";
        Prompt[] prompts = [new("a", [5, 9, 11]), new("b", [7])];
        new Generator(model, tokenizer: null, device).Generate(prompts, new GenerationSettings { MaximumNewTokens = 8 }, c =>
        {
            ids += string.Join(' ', c.TokenIds) + ";";
            logProbabilities.AddRange(c.LogProbabilities);
        });
        return (ids, [.. logProbabilities]);
    }
}
