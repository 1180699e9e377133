using System.Globalization;

namespace Camels.Kernels.Ops;

/// <summary>
/// One token of each row of logits. Kept are the TopK largest logits, and of these the fewest largest whose probabilities under
/// softmax(logits / temperature) over the TopK reach TopP; the lower id wins a tie. In the order of ids, the token is the first at which the
/// running sum of the kept probabilities exceeds uniform times their total: a function of the row, the uniform number and the settings only.
/// </summary>
public static partial class Sample
{
    /// <summary>The token of a row that has none: with NaN, with +∞ or without a finite logit. Its log-probability is NaN.</summary>
    public const int NoProbabilities = -1;          // of sample.cu too; -2 there is a uniform number outside [0, 1)

    /// <summary>
    /// Writes tokens (S) and logProbabilities (S), of the softmax of the plain logits, from logits (S, V) in the statistics' type and
    /// uniforms (S) in [0, 1); a GPU refuses one outside by a token that <see cref="RequireTokens"/> explains. A row may have
    /// <see cref="NoProbabilities"/>.
    /// </summary>
    public static void Forward(
        DeviceStream stream, Tensor tokens, Tensor logProbabilities, Tensor logits, Tensor uniforms, in SampleSettings settings)
    {
        (int rows, int vocabulary) = logits.Rank2();
        DType statistics = DTypes.StatisticsOf(logits.DType);
        logits.Require(statistics, [rows, vocabulary]);
        tokens.Require(DType.I32, [rows]);
        logProbabilities.Require(statistics, [rows]);
        uniforms.Require(statistics, [rows]);
        TensorChecks.RequireThat(vocabulary > 0, "the vocabulary is empty");
        TensorChecks.RequireThat(
            settings.Temperature is >= 0 and <= float.MaxValue, "the temperature must be 0 (greedy) or a positive number of single precision");
        TensorChecks.RequireThat(settings.TopK >= 0, "top-k must be 0 (all) or a positive number");
        TensorChecks.RequireThat(settings.TopP is > 0 and <= 1, "top-p must be above 0 and at most 1 (all)");

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: ForwardReference<double>(tokens, logProbabilities, logits, uniforms, settings); break;
            case DeviceKind.Plain: ForwardReference<float>(tokens, logProbabilities, logits, uniforms, settings); break;
            case DeviceKind.Cpu: ForwardCpu(stream, tokens, logProbabilities, logits, uniforms, settings); break;
            case DeviceKind.Planning: break;
            default: ForwardCuda(stream, tokens, logProbabilities, logits, uniforms, settings); break;
        }
    }

    /// <summary>Throws where a GPU refused a uniform number: it computes while the host goes on, so the tokens themselves must say it.</summary>
    public static void RequireTokens(ReadOnlySpan<int> tokens)
    {
        int refused = tokens.IndexOfAnyInRange(int.MinValue, NoProbabilities - 1);
        if (refused >= 0)
        {
            throw new ArgumentException($"uniforms[{refused}] is outside [0, 1)");
        }
    }

    private static void RequireUniform(double uniform, int row)
    {
        if (uniform is not (>= 0 and < 1))
        {
            throw new ArgumentException($"uniforms[{row}] is {uniform.ToString(CultureInfo.InvariantCulture)}, outside [0, 1)");
        }
    }
}
