namespace Camels.Kernels.Ops;

/// <summary>
/// y = x * P(x), P(x) = (1 + erf(x / sqrt(2))) / 2, the normal distribution (Hendrycks and Gimpel, "Gaussian Error Linear Units", the exact
/// form).
/// </summary>
public static partial class Gelu
{
    /// <summary>Writes y from x of the same shape. y may be x.</summary>
    public static void Forward(DeviceStream stream, Tensor y, Tensor x)
    {
        y.RequireLike(x.DType, x);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: ForwardReference<double>(y, x, x.Elements); break;
            case DeviceKind.Plain: ForwardReference<float>(y, x, x.Elements); break;
            case DeviceKind.Cpu: CpuActivation<CpuFunction>.Forward(stream, y, x); break;
            case DeviceKind.Planning: break;
            default: ForwardCuda(stream, y, x); break;
        }
    }

    /// <summary>Writes dx from dy and x of the same shape. dx may be dy.</summary>
    public static void Backward(DeviceStream stream, Tensor dx, Tensor dy, Tensor x)
    {
        dx.RequireLike(x.DType, x);
        dy.RequireLike(x.DType, x);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: BackwardReference<double>(dx, dy, x, x.Elements); break;
            case DeviceKind.Plain: BackwardReference<float>(dx, dy, x, x.Elements); break;
            case DeviceKind.Cpu: CpuActivation<CpuFunction>.Backward(stream, dx, dy, x); break;
            case DeviceKind.Planning: break;
            default: BackwardCuda(stream, dx, dy, x); break;
        }
    }
}
