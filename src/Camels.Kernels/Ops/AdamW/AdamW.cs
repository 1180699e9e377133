namespace Camels.Kernels.Ops;

/// <summary>
/// Adam with decoupled weight decay (Loshchilov and Hutter, "Decoupled Weight Decay Regularization"), in PyTorch's order of operations:
/// <code>
/// g = gradient * scale          m = beta1 * m + (1 − beta1) * g          v = beta2 * v + (1 − beta2) * g²
/// w = w * (1 − rate * decay) − rate / (1 − beta1^step) * m / (sqrt(v) / sqrt(1 − beta2^step) + epsilon)
/// </code>
/// </summary>
public static partial class AdamW
{
    /// <summary>
    /// Updates master and both moments from gradient, writes the rounded master to weight and zeroes the gradient; all of one shape. weight
    /// is in the type that the model computes in and may be the master itself; the others are in the statistics' type.
    /// </summary>
    public static void Update(
        DeviceStream stream, Tensor weight, Tensor master, Tensor firstMoment, Tensor secondMoment, Tensor gradient, in AdamWSettings settings)
    {
        DType statistics = DTypes.StatisticsOf(weight.DType);
        master.RequireLike(statistics, weight);
        firstMoment.RequireLike(statistics, weight);
        secondMoment.RequireLike(statistics, weight);
        gradient.RequireLike(statistics, weight);
        TensorChecks.RequireThat(settings.Step >= 1, "the first update is step 1");

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: UpdateReference<double>(weight, master, firstMoment, secondMoment, gradient, settings); break;
            case DeviceKind.Plain: UpdateReference<float>(weight, master, firstMoment, secondMoment, gradient, settings); break;
            case DeviceKind.Cpu: UpdateCpu(stream, weight, master, firstMoment, secondMoment, gradient, settings); break;
            case DeviceKind.Planning: break;
            default: UpdateCuda(stream, weight, master, firstMoment, secondMoment, gradient, settings); break;
        }
    }
}
