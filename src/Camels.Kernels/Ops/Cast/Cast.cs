namespace Camels.Kernels.Ops;

/// <summary>y = x in another element type, rounded once.</summary>
public static partial class Cast
{
    /// <summary>Writes y from x of the same shape; both of any floating type.</summary>
    public static void Forward(DeviceStream stream, Tensor y, Tensor x)
    {
        y.RequireLike(y.DType, x);
        if (!x.DType.IsFloat() || !y.DType.IsFloat())
        {
            throw new ArgumentException($"x is {x}, y is {y}: a cast is from one floating type to another");
        }

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: ForwardReference<double>(y, x, x.Elements); break;
            case DeviceKind.Plain: ForwardReference<float>(y, x, x.Elements); break;
            case DeviceKind.Cpu: ForwardCpu(stream, y, x); break;
            case DeviceKind.Planning: break;
            default: ForwardCuda(stream, y, x); break;
        }
    }
}
