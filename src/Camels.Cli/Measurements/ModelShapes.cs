using Camels.Engine;
using Camels.Engine.Models;

namespace Camels.Cli.Measurements;

/// <summary>The sizes that measurements name: the presets, and the small LLaMA of the quickstart.</summary>
internal static class ModelShapes
{
    private const string QuickstartName = "quickstart";

    private static readonly ModelConfig Quickstart = new()
    {
        HiddenSize = 96,
        BlockCount = 4,
        HeadCount = 6,
        KeyValueHeadCount = 6,
        HeadSize = 16,
        IntermediateSize = 256,
        VocabularySize = 260,
        MaximumPositions = 2048,
        NormEpsilon = 1e-5,
        TiedEmbeddings = true,
    };

    /// <summary>The names, for help and messages.</summary>
    public static string Names => string.Join(", ", ModelPresets.Names.Prepend(QuickstartName));

    /// <summary>The config of a name with room for rows of <paramref name="contextTokens"/>, and without dropout.</summary>
    public static ModelConfig Find(string name, int contextTokens)
    {
        ModelConfig config = (name == QuickstartName ? Quickstart : ModelPresets.Find(name))
            ?? throw CamelsException.Usage($"--shape {name} is unknown; there are {Names}");
        return config with { MaximumPositions = Math.Max(config.MaximumPositions, contextTokens), Dropout = default };
    }
}
