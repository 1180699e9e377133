namespace Camels.Engine.Models;

/// <summary>Shares of numbers that training leaves out at random, as config.json names them; outside of training nothing is left out.</summary>
/// <param name="Hidden">Of what each half of a block adds, and of GPT-NeoX' embeddings (dropout, hidden_dropout).</param>
/// <param name="Attention">Of attention's weights (attention_dropout).</param>
/// <param name="Activation">Of the feed-forward half's inner channels (activation_dropout).</param>
/// <param name="Block">Of whole blocks (layerdrop).</param>
public readonly record struct DropoutShares(double Hidden = 0, double Attention = 0, double Activation = 0, double Block = 0)
{
    /// <summary>What a run trains with: <paramref name="asked"/> for the hidden share and none of the others, or else exactly this.</summary>
    /// <param name="family">Whose blocks leave it out.</param>
    /// <param name="asked">The recipe's model.dropout, or null for what the config says.</param>
    /// <param name="config">What messages call the config.</param>
    /// <exception cref="CamelsException">This engine's training does not leave out what the config says (3), or the recipe (2).</exception>
    public DropoutShares ForTraining(ModelFamily family, double? asked, string config)
    {
        if (asked is double share)
        {
            return share == 0 || family is ModelFamily.Opt or ModelFamily.GptNeoX
                ? new DropoutShares(share)
                : throw CamelsException.Usage($"model.dropout is {share}, and the blocks of {family} leave nothing out; accepted: 0");
        }

        foreach ((string field, double value) in (ReadOnlySpan<(string, double)>)
            [("attention_dropout", Attention), ("activation_dropout", Activation), ("layerdrop", Block)])
        {
            if (value > 0)
            {
                throw CamelsException.BadInput(
                    FormattableString.Invariant($"{config}: {field} is {value}, which this version cannot train with; model.dropout: 0 trains without any dropout"));
            }
        }

        return this;
    }
}
