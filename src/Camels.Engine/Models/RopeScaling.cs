namespace Camels.Engine.Models;

/// <summary>How rotary frequencies are changed for contexts longer than the model was first trained on.</summary>
public enum RopeScalingKind
{
    /// <summary>Every frequency is divided by the factor (Chen et al., "Extending Context Window of Large Language Models via Positional Interpolation").</summary>
    Linear,

    /// <summary>Only slow frequencies are divided, with a smooth crossing: Llama 3.1's rule.</summary>
    Llama3,
}

/// <summary>The scaling of a config's rotary frequencies.</summary>
/// <param name="Kind">The rule.</param>
/// <param name="Factor">What frequencies are divided by.</param>
/// <param name="LowFactor">Llama3: wave lengths above OriginalPositions / LowFactor are divided.</param>
/// <param name="HighFactor">Llama3: wave lengths below OriginalPositions / HighFactor stay.</param>
/// <param name="OriginalPositions">Llama3: tokens of the context first trained on.</param>
public sealed record RopeScaling(RopeScalingKind Kind, double Factor, double LowFactor = 1, double HighFactor = 4, int OriginalPositions = 8192)
{
    /// <summary>The frequency that takes the place of <paramref name="frequency"/>, in radians a position.</summary>
    public double Scaled(double frequency)
    {
        double divided = frequency / Factor;
        if (Kind == RopeScalingKind.Linear)
        {
            return divided;
        }

        double wavesInContext = OriginalPositions * frequency / (2 * Math.PI);
        double share = Math.Clamp((wavesInContext - LowFactor) / (HighFactor - LowFactor), 0, 1);
        return ((1 - share) * divided) + (share * frequency);
    }
}
