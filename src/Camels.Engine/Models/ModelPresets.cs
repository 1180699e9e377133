using Camels.Kernels.Ops;

namespace Camels.Engine.Models;

/// <summary>
/// The published sizes of the families under the names that recipes and measurements use (FAMILY-SIZE): for planning, random weights and
/// measurements without a checkpoint.
/// </summary>
public static class ModelPresets
{
    private static readonly Dictionary<string, ModelConfig> _known = new()
    {
        ["llama-15m"] = Llama(channels: 288, blocks: 6, heads: 6, feedForward: 768),
        ["llama-110m"] = Llama(channels: 768, blocks: 12, heads: 12, feedForward: 2048),
        ["llama-1b"] = Llama(channels: 2048, blocks: 22, heads: 32, feedForward: 5632, keyValueHeads: 4),
        ["llama-7b"] = Llama(channels: 4096, blocks: 32, heads: 32, feedForward: 11008, epsilon: 1e-6),
        ["llama-13b"] = Llama(channels: 5120, blocks: 40, heads: 40, feedForward: 13824, epsilon: 1e-6),
        ["llama-30b"] = Llama(channels: 6656, blocks: 60, heads: 52, feedForward: 17920, epsilon: 1e-6),
        ["llama-65b"] = Llama(channels: 8192, blocks: 80, heads: 64, feedForward: 22016),
        ["llama2-7b"] = Llama(channels: 4096, blocks: 32, heads: 32, feedForward: 11008, context: 4096),
        ["llama2-13b"] = Llama(channels: 5120, blocks: 40, heads: 40, feedForward: 13824, context: 4096),
        ["llama2-70b"] = Llama(channels: 8192, blocks: 80, heads: 64, feedForward: 28672, keyValueHeads: 8, context: 4096),
        ["opt-125m"] = Opt(channels: 768, blocks: 12, heads: 12),
        ["opt-350m"] = Opt(channels: 1024, blocks: 24, heads: 16) with { EmbeddingSize = 512, NormsLast = true, HasFinalNorm = false },
        ["opt-1.3b"] = Opt(channels: 2048, blocks: 24, heads: 32),
        ["opt-2.7b"] = Opt(channels: 2560, blocks: 32, heads: 32),
        ["opt-6.7b"] = Opt(channels: 4096, blocks: 32, heads: 32),
        ["opt-13b"] = Opt(channels: 5120, blocks: 40, heads: 40),
        ["opt-30b"] = Opt(channels: 7168, blocks: 48, heads: 56),
        ["opt-66b"] = Opt(channels: 9216, blocks: 64, heads: 72),
        ["pythia-70m"] = Pythia(channels: 512, blocks: 6, heads: 8),
        ["pythia-160m"] = Pythia(channels: 768, blocks: 12, heads: 12),
        ["pythia-410m"] = Pythia(channels: 1024, blocks: 24, heads: 16),
        ["pythia-1b"] = Pythia(channels: 2048, blocks: 16, heads: 8),
        ["pythia-1.4b"] = Pythia(channels: 2048, blocks: 24, heads: 16),
        ["pythia-2.8b"] = Pythia(channels: 2560, blocks: 32, heads: 32),
        ["pythia-6.9b"] = Pythia(channels: 4096, blocks: 32, heads: 32, vocabulary: 50432),
        ["pythia-12b"] = Pythia(channels: 5120, blocks: 36, heads: 40, vocabulary: 50688),
    };

    /// <summary>The names.</summary>
    public static IReadOnlyCollection<string> Names => _known.Keys;

    /// <summary>The config of a name such as "llama-7b", or null.</summary>
    public static ModelConfig? Find(string name) => _known.GetValueOrDefault(name);

    private static ModelConfig Llama(
        int channels, int blocks, int heads, int feedForward, int? keyValueHeads = null, int context = 2048, double epsilon = 1e-5) =>
        Sized(ModelFamily.Llama, channels, blocks, heads, feedForward, vocabulary: 32_000) with
        {
            KeyValueHeadCount = keyValueHeads ?? heads,
            MaximumPositions = context,
            NormEpsilon = epsilon,
            BosId = 1,
            EosIds = [2],
        };

    private static ModelConfig Opt(int channels, int blocks, int heads) =>
        WithBiases(Sized(ModelFamily.Opt, channels, blocks, heads, feedForward: 4 * channels, vocabulary: 50_272)) with
        {
            Activation = Activation.Relu,
            TiedEmbeddings = true,
            Dropout = new DropoutShares(Hidden: 0.1),
            BosId = 2,
            EosIds = [2],
            PadId = 1,
        };

    private static ModelConfig Pythia(int channels, int blocks, int heads, int vocabulary = 50_304) =>
        WithBiases(Sized(ModelFamily.GptNeoX, channels, blocks, heads, feedForward: 4 * channels, vocabulary)) with
        {
            Activation = Activation.Gelu,
            ParallelResidual = true,
            RotaryShare = 0.25,
            BosId = 0,
            EosIds = [0],
        };

    private static ModelConfig WithBiases(ModelConfig config) => config with { AttentionBias = true, AttentionOutputBias = true, MlpBias = true };

    private static ModelConfig Sized(ModelFamily family, int channels, int blocks, int heads, int feedForward, int vocabulary) => new()
    {
        Family = family,
        HiddenSize = channels,
        IntermediateSize = feedForward,
        BlockCount = blocks,
        HeadCount = heads,
        KeyValueHeadCount = heads,
        HeadSize = channels / heads,
        VocabularySize = vocabulary,
        MaximumPositions = 2048,
        NormEpsilon = 1e-5,
    };
}
