namespace Camels.Kernels.Ops;

/// <summary>How <see cref="Sample"/> chooses.</summary>
public readonly record struct SampleSettings
{
    /// <summary>Divides the logits; 0 takes the largest.</summary>
    public required double Temperature { get; init; }

    /// <summary>Only so many of the largest logits take part; 0 for all.</summary>
    public required int TopK { get; init; }

    /// <summary>Of these, only the fewest largest whose probabilities together reach this; 1 for all.</summary>
    public required double TopP { get; init; }

    /// <summary>True where the temperature is 0 in single precision, too small to divide by.</summary>
    internal bool IsGreedy => (float)Temperature == 0;
}
