using System.Globalization;

namespace Camels.Engine.Data;

/// <summary>What is in one split, measured on the prepared tokens.</summary>
public sealed record SplitAudit
{
    /// <summary>Rows.</summary>
    public required int Rows { get; init; }

    /// <summary>Documents.</summary>
    public required long Documents { get; init; }

    /// <summary>Tokens.</summary>
    public required long Tokens { get; init; }

    /// <summary>Trained tokens.</summary>
    public required long TrainedTokens { get; init; }

    /// <summary>Trained tokens over tokens.</summary>
    public required double TrainedShare { get; init; }

    /// <summary>Tokens over rows × sequence length.</summary>
    public required double Fill { get; init; }

    /// <summary>The same without the emptiest row, which holds what is left over.</summary>
    public required double FillWithoutLastRow { get; init; }

    /// <summary>Assistant turns.</summary>
    public required long AssistantTurns { get; init; }

    /// <summary>Assistant turns that end with a trained EOS.</summary>
    public required long AssistantTurnsWithTrainedEos { get; init; }

    /// <summary>Tokens of assistant turns that are not trained.</summary>
    public required long MaskedAssistantTokens { get; init; }

    /// <summary>Trained tokens outside assistant turns, or first in their document.</summary>
    public required long TrainedUserTokens { get; init; }

    /// <summary>Documents by their number of BOS tokens (where BOS is also EOS, those that end assistant turns are not counted).</summary>
    public required SortedDictionary<int, long> DocumentsByBosCount { get; init; }

    /// <summary>Documents that do not start as the tokenizer starts them, or hold another number of BOS tokens than that.</summary>
    public required long DocumentsWithWrongBos { get; init; }

    /// <summary>Rows without a trained token.</summary>
    public required int RowsWithoutTrainedToken { get; init; }

    /// <summary>Documents and trained tokens per source name.</summary>
    public required SortedDictionary<string, SourceTokens> Sources { get; init; }

    /// <summary>Share of assistant turns whose EOS is trained; anything but 1 is refused.</summary>
    public double EosCoverage => AssistantTurns == 0 ? 0 : (double)AssistantTurnsWithTrainedEos / AssistantTurns;

    /// <summary>Measures a split.</summary>
    public static SplitAudit Measure(PreparedData data)
    {
        AuditMeter meter = new(data.Manifest);
        for (int row = 0; row < data.Rows; row++)
        {
            meter.Visit(data.Row(row));
        }

        return meter.Result(data);
    }

    /// <summary>What forbids training on this split, in words; empty: nothing.</summary>
    public IEnumerable<string> Errors()
    {
        if (TrainedUserTokens > 0)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"{TrainedUserTokens} tokens outside assistant turns are trained");
        }

        if (AssistantTurnsWithTrainedEos != AssistantTurns)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture, $"{AssistantTurns - AssistantTurnsWithTrainedEos} assistant turns lack a trained EOS");
        }

        if (DocumentsWithWrongBos > 0)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"{DocumentsWithWrongBos} documents have a wrong number of BOS tokens");
        }

        if (TrainedTokens == 0)
        {
            yield return "no token is trained, so there is nothing to train on";
        }
    }
}

/// <summary>Share of one source in a split.</summary>
/// <param name="Documents">Its documents.</param>
/// <param name="Tokens">Their tokens.</param>
/// <param name="TrainedTokens">Those that are trained.</param>
public sealed record SourceTokens(long Documents, long Tokens, long TrainedTokens);
