namespace Camels.Cli.Measurements;

/// <summary>Repeated timings of one thing, in seconds.</summary>
internal sealed record Sample(double[] Seconds)
{
    /// <summary>The middle one.</summary>
    public double Median => Quantile(0.5);

    /// <summary>Half of the distance between the quartiles, over the median: how much to believe.</summary>
    public double Spread => (Quantile(0.75) - Quantile(0.25)) / (2 * Median);

    private double Quantile(double share)
    {
        double[] sorted = [.. Seconds.Order()];
        return sorted[(int)Math.Round(share * (sorted.Length - 1))];
    }
}
