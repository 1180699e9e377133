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

/// <summary>What a step computes with, in singles, the same on every device that computes in them.</summary>
internal readonly struct AdamWConstants(in AdamWSettings settings)
{
    public readonly float Scale = (float)settings.GradientScale;
    public readonly float Beta1 = (float)settings.Beta1;
    public readonly float Rest1 = (float)(1 - settings.Beta1);
    public readonly float Beta2 = (float)settings.Beta2;
    public readonly float Rest2 = (float)(1 - settings.Beta2);
    public readonly float Keep = (float)(1 - (settings.LearningRate * settings.WeightDecay));
    public readonly float Rate = (float)(settings.LearningRate / settings.Correction1);
    public readonly float Root = (float)settings.RootOfCorrection2;
    public readonly float Epsilon = (float)settings.Epsilon;
}
