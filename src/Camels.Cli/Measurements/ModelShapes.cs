using Camels.Engine;
using Camels.Engine.Models;

namespace Camels.Cli.Measurements;

/// <summary>The sizes that measurements name.</summary>
internal static class ModelShapes
{
    private static readonly Dictionary<string, ModelConfig> Known = new()
    {
        ["quickstart"] = Llama(channels: 96, blocks: 4, heads: 6, keyValueHeads: 6, feedForward: 256, vocabulary: 260, tied: true),
        ["llama-15m"] = Llama(channels: 288, blocks: 6, heads: 6, keyValueHeads: 6, feedForward: 768),
        ["llama-110m"] = Llama(channels: 768, blocks: 12, heads: 12, keyValueHeads: 12, feedForward: 2048),
        ["llama-1b"] = Llama(channels: 2048, blocks: 22, heads: 32, keyValueHeads: 4, feedForward: 5632),
        ["llama-7b"] = Llama(channels: 4096, blocks: 32, heads: 32, keyValueHeads: 32, feedForward: 11008),
    };

    /// <summary>The names, for help and messages.</summary>
    public static string Names => string.Join(", ", Known.Keys);

    /// <summary>The config of a name with room for rows of <paramref name="contextTokens"/>.</summary>
    public static ModelConfig Find(string name, int contextTokens) => Known.TryGetValue(name, out ModelConfig? config)
        ? config with { MaximumPositions = Math.Max(config.MaximumPositions, contextTokens) }
        : throw CamelsException.Usage($"--shape {name} is unknown; there are {Names}");

    private static ModelConfig Llama(
        int channels, int blocks, int heads, int keyValueHeads, int feedForward, int vocabulary = 32_000, bool tied = false) => new()
        {
            HiddenSize = channels,
            BlockCount = blocks,
            HeadCount = heads,
            KeyValueHeadCount = keyValueHeads,
            HeadSize = channels / heads,
            IntermediateSize = feedForward,
            VocabularySize = vocabulary,
            MaximumPositions = 2048,
            NormEpsilon = 1e-5,
            TiedEmbeddings = tied,
        };
}
