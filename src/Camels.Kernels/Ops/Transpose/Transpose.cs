namespace Camels.Kernels.Ops;

/// <summary>y[c, n] = x[n, c].</summary>
public static partial class Transpose
{
    /// <summary>Writes y (C, N) from x (N, C), of one type.</summary>
    public static void Forward(DeviceStream stream, Tensor y, Tensor x)
    {
        (int rows, int columns) = x.Rank2();
        y.Require(x.DType, [columns, rows]);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: ForwardReference<double>(y, x, rows, columns); break;
            case DeviceKind.Plain: ForwardReference<float>(y, x, rows, columns); break;
            case DeviceKind.Cpu: ForwardCpu(stream, y, x); break;
            case DeviceKind.Planning: break;
            default: ForwardCuda(stream, y, x); break;
        }
    }
}
