using Camels.Engine.Models;

namespace Camels.Engine.Training;

/// <summary>Floating-point operations that a model needs, as the field counts them: recomputation is not work.</summary>
public static class ModelFlops
{
    /// <summary>
    /// Of one token's forward and backward: 6 for each weight of a matrix product and, for attention in a document of
    /// <paramref name="documentTokens"/>, 12 · H · D for each of the (T + 1) / 2 keys that a query sees on average, in every block.
    /// </summary>
    public static double PerTrainedToken(ModelConfig config, double documentTokens)
    {
        double attentionWidth = (double)config.HeadCount * config.HeadSize;
        double keyValueWidth = (double)config.KeyValueHeadCount * config.HeadSize;
        double mlpMatrices = config.Family is ModelFamily.Opt or ModelFamily.GptNeoX ? 2 : 3;
        double block = config.HiddenSize * ((2 * attentionWidth) + (2 * keyValueWidth) + (mlpMatrices * config.IntermediateSize));
        double projections = config.EmbeddingSize is int embedded ? 2.0 * config.HiddenSize * embedded : 0;
        double head = ((double)config.EmbeddingWidth * config.VocabularySize) + projections;
        double attention = 12 * attentionWidth * (documentTokens + 1) / 2;
        return (6 * ((config.BlockCount * block) + head)) + (config.BlockCount * attention);
    }
}
