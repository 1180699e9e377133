namespace Camels.Kernels.Ops;

/// <summary>The constants of one update of <see cref="AdamW"/>.</summary>
public readonly record struct AdamWSettings
{
    /// <summary>The learning rate of this step.</summary>
    public required double LearningRate { get; init; }

    /// <summary>Decay of the first moment.</summary>
    public required double Beta1 { get; init; }

    /// <summary>Decay of the second moment.</summary>
    public required double Beta2 { get; init; }

    /// <summary>Added to the root of the second moment.</summary>
    public required double Epsilon { get; init; }

    /// <summary>Decoupled decay: the weight is multiplied by 1 − LearningRate * WeightDecay first.</summary>
    public required double WeightDecay { get; init; }

    /// <summary>Multiplies the gradient first: clipping, and the loss scale's inverse.</summary>
    public required double GradientScale { get; init; }

    /// <summary>The number of this update, from 1: the power in the bias corrections.</summary>
    public required int Step { get; init; }

    /// <summary>Divides the learning rate.</summary>
    internal double Correction1 => 1 - Math.Pow(Beta1, Step);

    /// <summary>Divides the root of the second moment.</summary>
    internal double RootOfCorrection2 => Math.Sqrt(1 - Math.Pow(Beta2, Step));
}
