namespace Camels.Kernels.Ops;

/// <summary>
/// Plain gradient descent, without momentum or any other state:
/// <code>
/// g = gradient * scale, at most limit in absolute value          w = w * (1 − rate * decay) − rate * g
/// </code>
/// </summary>
public static partial class Sgd
{
    /// <summary>
    /// Updates master from gradient, writes the rounded master to weight and zeroes the gradient; all of one shape. weight is in the type that
    /// the model computes in and may be the master itself; the others are in the statistics' type.
    /// </summary>
    public static void Update(DeviceStream stream, Tensor weight, Tensor master, Tensor gradient, in SgdSettings settings)
    {
        DType statistics = DTypes.StatisticsOf(weight.DType);
        master.RequireLike(statistics, weight);
        gradient.RequireLike(statistics, weight);
        TensorChecks.RequireThat(settings.GradientLimit > 0, "the limit of gradients must be above 0");

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: UpdateReference<double>(weight, master, gradient, weight.Elements, settings); break;
            case DeviceKind.Plain: UpdateReference<float>(weight, master, gradient, weight.Elements, settings); break;
            case DeviceKind.Cpu: UpdateCpu(stream, weight, master, gradient, settings); break;
            case DeviceKind.Planning: break;
            default: UpdateCuda(stream, weight, master, gradient, settings); break;
        }
    }
}

/// <summary>The constants of one update of <see cref="Sgd"/>.</summary>
public readonly record struct SgdSettings
{
    /// <summary>The learning rate of this step.</summary>
    public required double LearningRate { get; init; }

    /// <summary>The weight is multiplied by 1 − LearningRate * WeightDecay first.</summary>
    public required double WeightDecay { get; init; }

    /// <summary>Multiplies the gradient first: clipping by norm, and the loss scale's inverse.</summary>
    public required double GradientScale { get; init; }

    /// <summary>The largest absolute value of a scaled gradient; infinity for none.</summary>
    public required double GradientLimit { get; init; }
}
