using Camels.Engine.Models;

namespace Camels.Engine.Training;

/// <summary>Floating-point operations that a model needs, as the field counts them: recomputation is not work.</summary>
public static class ModelFlops
{
    /// <summary>
    /// Of one token's forward and backward: 6 for each weight of a matrix product and, for attention in a document of
    /// <paramref name="documentTokens"/>, 12 · H · D for each of the (T + 1) / 2 keys that a query sees on average, in every block.
    /// </summary>
    public static double PerTrainedToken(ModelConfig config, double documentTokens) =>
        (6 * (BlockWeights(config) + HeadWeights(config))) + (3 * Attention(config, documentTokens));

    /// <summary>Of one token of a prompt of <paramref name="promptTokens"/>: a forward without the head, which only the last one needs.</summary>
    public static double PerPromptToken(ModelConfig config, double promptTokens) =>
        (2 * (BlockWeights(config) + (HeadWeights(config) / promptTokens))) + Attention(config, promptTokens);

    /// <summary>
    /// Elements that generating one token reads at least: every weight of a matrix product once for all sequences, and the keys and values of
    /// <paramref name="contextTokens"/> for each of <paramref name="sequences"/>.
    /// </summary>
    public static double ElementsReadPerStep(ModelConfig config, int sequences, double contextTokens) =>
        BlockWeights(config) + HeadWeights(config)
            + (2.0 * config.BlockCount * config.KeyValueHeadCount * config.HeadSize * contextTokens * sequences);

    private static double BlockWeights(ModelConfig config)
    {
        double attentionWidth = (double)config.HeadCount * config.HeadSize;
        double keyValueWidth = (double)config.KeyValueHeadCount * config.HeadSize;
        double mlpMatrices = config.Family is ModelFamily.Opt or ModelFamily.GptNeoX ? 2 : 3;
        return config.BlockCount * config.HiddenSize * ((2 * attentionWidth) + (2 * keyValueWidth) + (mlpMatrices * config.IntermediateSize));
    }

    private static double HeadWeights(ModelConfig config)
    {
        double projections = config.EmbeddingSize is int embedded ? 2.0 * config.HiddenSize * embedded : 0;
        return ((double)config.EmbeddingWidth * config.VocabularySize) + projections;
    }

    // Of one token's forward: two products of 2 · H · D operations with each key that it sees on average, in every block.
    private static double Attention(ModelConfig config, double documentTokens) =>
        4.0 * config.BlockCount * config.HeadCount * config.HeadSize * (documentTokens + 1) / 2;
}
