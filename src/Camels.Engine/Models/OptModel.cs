using Camels.Engine.Layers;
using Camels.Engine.Parameters;
using Camels.Kernels;

namespace Camels.Engine.Models;

/// <summary>
/// OPT (Zhang et al. 2022): LayerNorm before or after each half of a block, learned positions, biases, ReLU; the embedding may be narrower
/// than the blocks.
/// </summary>
public static class OptModel
{
    private const string Prefix = "model.decoder.";
    private const string Head = "lm_head.weight";

    /// <summary>Rows of the table of positions before that of position 0.</summary>
    private const int PositionOffset = 2;

    /// <summary>A model with zeroed weights on <paramref name="device"/>.</summary>
    public static ILanguageModel Create(ModelConfig config, Precision precision, Device device)
    {
        int embedded = config.EmbeddingWidth;
        bool projects = embedded != config.HiddenSize;
        ParameterUnit ends = new(config.TiedEmbeddings ? "embedding and head" : "embedding", precision);
        List<ParameterUnit> units = [ends];
        Parameter tokens = ends.Add($"{Prefix}embed_tokens.weight", config.VocabularySize, embedded);
        Parameter positions = ends.Add($"{Prefix}embed_positions.weight", config.MaximumPositions + PositionOffset, config.HiddenSize);
        LinearLayer? projectIn = projects ? LinearLayer.Declare(ends, $"{Prefix}project_in", config.HiddenSize, embedded, hasBias: false) : null;
        OptBlock[] blocks = new OptBlock[config.BlockCount];
        for (int l = 0; l < blocks.Length; l++)
        {
            units.Add(new ParameterUnit($"block {l}", precision) { Adapter = config.Adapter });
            blocks[l] = new OptBlock(config, units[^1], FormattableString.Invariant($"{Prefix}layers.{l}."), l);
        }

        ParameterUnit last = config.TiedEmbeddings ? ends : new ParameterUnit("head", precision);
        if (last != ends)
        {
            units.Add(last);
        }

        LayerNormLayer? norm = config.HasFinalNorm
            ? LayerNormLayer.Declare(last, $"{Prefix}final_layer_norm", config.HiddenSize, config.NormEpsilon)
            : null;
        LinearLayer? projectOut = projects ? LinearLayer.Declare(last, $"{Prefix}project_out", embedded, config.HiddenSize, hasBias: false) : null;
        Parameter head = config.TiedEmbeddings ? ends.AddTied(Head, tokens) : last.Add(Head, config.VocabularySize, embedded);
        return new LanguageModel<OptBlock, OptBlock.Saved>(
            config, precision, device, units, new EmbeddingLayer(tokens, projectIn, positions, PositionOffset), blocks, norm, projectOut,
            new HeadLayer(head), rope: null);
    }

    /// <summary>True for the copy of a tied embedding and for the number of a format.</summary>
    public static bool IgnoresTensor(string name, ModelConfig config) =>
        (config.TiedEmbeddings && name == Head) || name is "decoder.version" or "model.decoder.version";

    /// <summary>The name that published checkpoints give a weight: without "model.".</summary>
    public static string PublishedName(string name) =>
        name.StartsWith(Prefix, StringComparison.Ordinal) ? name["model.".Length..] : name;
}
