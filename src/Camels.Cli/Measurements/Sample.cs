namespace Camels.Cli.Measurements;

/// <summary>Repeated timings of one thing, in seconds.</summary>
internal sealed record Sample(double[] Seconds)
{
    /// <summary>The middle one; of an even number, the mean of the middle two.</summary>
    public double Median => Quantile(0.5);

    /// <summary>Half of the distance between the quartiles, over the median: how much to believe.</summary>
    public double Spread => (Quantile(0.75) - Quantile(0.25)) / (2 * Median);

    private double Quantile(double share)
    {
        double[] sorted = [.. Seconds.Order()];
        double place = share * (sorted.Length - 1);
        int below = (int)place;
        return double.Lerp(sorted[below], sorted[Math.Min(below + 1, sorted.Length - 1)], place - below);
    }
}
