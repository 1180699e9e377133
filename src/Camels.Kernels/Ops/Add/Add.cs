namespace Camels.Kernels.Ops;

/// <summary>y = x + residual. Its gradient arrives unchanged at both.</summary>
public static partial class Add
{
    /// <summary>Writes y from x and residual, all of one shape. y may be either.</summary>
    public static void Forward(DeviceStream stream, Tensor y, Tensor x, Tensor residual)
    {
        y.RequireLike(x.DType, x);
        residual.RequireLike(x.DType, x);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: ForwardReference<double>(y, x, residual, x.Elements); break;
            case DeviceKind.Plain: ForwardReference<float>(y, x, residual, x.Elements); break;
            case DeviceKind.Cpu: ForwardCpu(stream, y, x, residual); break;
            case DeviceKind.Planning: break;
            default: ForwardCuda(stream, y, x, residual); break;
        }
    }
}
