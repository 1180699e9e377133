using Camels.Engine.Checkpoints;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Tests.Checkpoints;
using Camels.Engine.Training;
using Camels.Kernels;
using Camels.Kernels.Ops;
using Xunit;

namespace Camels.Engine.Tests.Models;

/// <summary>A small random model of every kind of block, with awkward sizes; each takes the documents of <see cref="TinyLlama"/>.</summary>
internal static class TinyModels
{
    private static readonly Dictionary<string, ModelConfig> _configs = new()
    {
        ["llama"] = TinyLlama.Config(),
        ["llama tied"] = TinyLlama.Config(tied: true),
        ["llama 3"] = TinyLlama.Config() with { RopeScaling = new RopeScaling(RopeScalingKind.Llama3, Factor: 8, OriginalPositions: 48) },
        ["llama with biases"] = TinyLlama.Config() with { AttentionBias = true, AttentionOutputBias = true, MlpBias = true },
        ["llama of wide heads"] = TinyLlama.Config() with { HiddenSize = 64, HeadCount = 2, KeyValueHeadCount = 1, HeadSize = 64 },
        ["qwen2"] = TinyLlama.Config(tied: true) with { Family = ModelFamily.Qwen2, AttentionBias = true },
        ["opt"] = Opt,
        ["opt norms last"] = Opt with { NormsLast = true, HasFinalNorm = false, EmbeddingSize = 12, Dropout = new DropoutShares(0.2) },
        ["opt with dropout"] = Opt with { Dropout = new DropoutShares(0.3) },
        ["opt untied without biases"] = Opt with { TiedEmbeddings = false, AttentionBias = false, AttentionOutputBias = false, MlpBias = false, HasFinalNorm = false },
        ["neox parallel"] = GptNeoX,
        ["neox parallel with dropout"] = GptNeoX with { Dropout = new DropoutShares(0.3) },
        ["neox sequential"] = GptNeoX with { ParallelResidual = false, TiedEmbeddings = true, Dropout = new DropoutShares(0.2) },
    };

    /// <summary>One of each family's main variants, for tests that take long.</summary>
    public static TheoryData<string> Main => ["llama", "opt", "opt norms last", "neox parallel", "neox sequential", "qwen2"];

    public static IEnumerable<object[]> MainInEveryPrecision =>
        from object[] model in Main from precision in RecipeNames.Precisions.Keys select (object[])[model[0], precision];

    public static TheoryData<string> All => [.. _configs.Keys];

    private static ModelConfig Opt => Sized(ModelFamily.Opt) with { TiedEmbeddings = true, Activation = Activation.Relu };

    private static ModelConfig GptNeoX => Sized(ModelFamily.GptNeoX) with
    {
        ParallelResidual = true,
        RotaryShare = 0.34,
        Activation = Activation.Gelu,
    };

    public static ModelConfig Config(string name) => _configs[name];

    public static ILanguageModel Create(string name, Device device, Precision precision, ulong seed = 7, int blocks = 2)
    {
        ILanguageModel model = ModelCatalog.Create(Config(name) with { BlockCount = blocks }, precision, device);
        ModelCatalog.Randomize(model, device.Stream, seed);
        foreach (Parameter vector in model.Units.SelectMany(u => u.Parameters).Where(p => !p.IsMatrix))
        {
            ulong stream = RandomBits.StreamOf(vector.Name);
            double middle = vector.Name.EndsWith(".bias", StringComparison.Ordinal) ? 0 : 1;
            Initializer.Load(
                device.Stream, vector.Weight,
                [.. Enumerable.Range(0, (int)vector.Elements).Select(i => (float)(middle + (0.3 * RandomBits.Normal(seed, stream, (ulong)i))))]);
        }

        return model;
    }

    /// <summary>
    /// The model of <see cref="Create"/> under adapters of random matrices, drawn from <paramref name="adapterSeed"/>: with B = 0, A has no
    /// gradient. A base in NF4 comes from a folder, as always.
    /// </summary>
    public static ILanguageModel CreateAdapted(string name, AdapterSettings settings, Device device, Precision precision, ulong adapterSeed = 5)
    {
        using TemporaryFolder folder = new();
        using (Device host = Device.OpenReference())
        using (ILanguageModel plain = Create(name, host, Precision.Fp32))
        {
            HuggingFaceFolder.Export(folder["m"], ModelWeights.ToWrite(plain, companionFolder: null), replace: false);
        }

        using HuggingFaceFolder files = HuggingFaceFolder.Open(folder["m"]);
        ILanguageModel model = ModelCatalog.Create(files.Config with { Adapter = settings }, precision, device);
        ModelWeights.Load(model, files.Weights);
        foreach (Parameter parameter in model.Units.SelectMany(u => u.Parameters).Where(p => p.IsAdapter))
        {
            Initializer.Fill(device.Stream, parameter, adapterSeed, standardDeviation: 0.2);
        }

        return model;
    }

    private static ModelConfig Sized(ModelFamily family) => new()
    {
        Family = family,
        HiddenSize = 18,
        IntermediateSize = 37,
        BlockCount = 2,
        HeadCount = 3,
        KeyValueHeadCount = 3,
        HeadSize = 6,
        VocabularySize = 53,
        MaximumPositions = 96,
        NormEpsilon = 1e-5,
        AttentionBias = true,
        AttentionOutputBias = true,
        MlpBias = true,
        BosId = 1,
        EosIds = [2],
    };
}
