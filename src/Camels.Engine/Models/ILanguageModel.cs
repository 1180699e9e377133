using Camels.Engine.Layers;
using Camels.Engine.Parameters;
using Camels.Kernels;

namespace Camels.Engine.Models;

/// <summary>What training, verification and generation ask of a model. Every family implements it once.</summary>
public interface ILanguageModel : IDisposable
{
    /// <summary>Sizes and settings.</summary>
    ModelConfig Config { get; }

    /// <summary>Type of weights and activations.</summary>
    Precision Precision { get; }

    /// <summary>All weights, unit by unit.</summary>
    IReadOnlyList<ParameterUnit> Units { get; }

    /// <summary>Bytes of the table of rotations, which grows with the context; 0 where nothing is rotated.</summary>
    long TableBytes { get; }

    /// <summary>
    /// Tokens that can be predicted: the first rows of the vocabulary. A checkpoint may have more rows than its tokenizer has tokens; whoever
    /// knows the tokenizer says so here, and the rows beyond take no part in softmax, loss or sampling.
    /// </summary>
    int PredictedTokens { get; set; }

    /// <summary>
    /// Forward, loss and backward of the pass's tokens: writes each trained token's loss (M) and adds to the weights' gradients. The loss
    /// head scales the gradients by the batch's scales.
    /// </summary>
    void ForwardBackward(Pass pass, Tensor losses);

    /// <summary>Forward and loss only: writes each trained token's loss (M).</summary>
    void Losses(Pass pass, Tensor losses);

    /// <summary>Forward only: the final hidden states (N, E), normalised, in the pass's arena.</summary>
    Tensor Hidden(Pass pass);

    /// <summary>Writes logits (S, PredictedTokens), in the wide type, of hidden states (S, E).</summary>
    void Logits(Pass pass, Tensor logits, Tensor hidden);
}
