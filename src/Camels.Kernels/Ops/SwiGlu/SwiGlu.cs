namespace Camels.Kernels.Ops;

/// <summary>hidden = silu(gated) * raised, silu(g) = g / (1 + exp(−g)) (Shazeer, "GLU Variants Improve Transformer").</summary>
public static partial class SwiGlu
{
    /// <summary>Writes hidden (N, F) from gated and raised (N, F).</summary>
    public static void Forward(DeviceStream stream, Tensor hidden, Tensor gated, Tensor raised)
    {
        hidden.RequireLike(gated.DType, gated);
        raised.RequireLike(gated.DType, gated);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: ForwardReference<double>(hidden, gated, raised, gated.Elements); break;
            case DeviceKind.Plain: ForwardReference<float>(hidden, gated, raised, gated.Elements); break;
            case DeviceKind.Cpu: ForwardCpu(stream, hidden, gated, raised); break;
            case DeviceKind.Planning: break;
            default: ForwardCuda(stream, hidden, gated, raised); break;
        }
    }

    /// <summary>Writes dGated and dRaised (N, F) from dHidden, gated and raised (N, F). dGated may be dHidden.</summary>
    public static void Backward(DeviceStream stream, Tensor dGated, Tensor dRaised, Tensor dHidden, Tensor gated, Tensor raised)
    {
        dGated.RequireLike(gated.DType, gated);
        dRaised.RequireLike(gated.DType, gated);
        dHidden.RequireLike(gated.DType, gated);
        raised.RequireLike(gated.DType, gated);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: BackwardReference<double>(dGated, dRaised, dHidden, gated, raised, gated.Elements); break;
            case DeviceKind.Plain: BackwardReference<float>(dGated, dRaised, dHidden, gated, raised, gated.Elements); break;
            case DeviceKind.Cpu: BackwardCpu(stream, dGated, dRaised, dHidden, gated, raised); break;
            case DeviceKind.Planning: break;
            default: BackwardCuda(stream, dGated, dRaised, dHidden, gated, raised); break;
        }
    }
}
