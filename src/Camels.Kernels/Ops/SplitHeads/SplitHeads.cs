namespace Camels.Kernels.Ops;

/// <summary>
/// (q, k, v)[n, h·D + i] = fused[n, (3·h + 0, 1, 2)·D + i]: a product that gave each head's query, key and value one behind the other, taken
/// apart, as GPT-NeoX stores them.
/// </summary>
public static partial class SplitHeads
{
    /// <summary>Writes q, k and v (N, H·D) from fused (N, H·3·D) with D = headWidth.</summary>
    public static void Forward(DeviceStream stream, Tensor q, Tensor k, Tensor v, Tensor fused, int headWidth)
    {
        int heads = Check(q, k, v, fused, headWidth);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: ForwardReference<double>(q, k, v, fused, heads, headWidth); break;
            case DeviceKind.Plain: ForwardReference<float>(q, k, v, fused, heads, headWidth); break;
            case DeviceKind.Cpu: CopyCpu(stream, fused, q, k, v, headWidth, splits: true); break;
            case DeviceKind.Planning: break;
            default: ForwardCuda(stream, q, k, v, fused, headWidth); break;
        }
    }

    /// <summary>Writes dFused (N, H·3·D) from dq, dk and dv (N, H·D).</summary>
    public static void Backward(DeviceStream stream, Tensor dFused, Tensor dq, Tensor dk, Tensor dv, int headWidth)
    {
        int heads = Check(dq, dk, dv, dFused, headWidth);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: BackwardReference<double>(dFused, dq, dk, dv, heads, headWidth); break;
            case DeviceKind.Plain: BackwardReference<float>(dFused, dq, dk, dv, heads, headWidth); break;
            case DeviceKind.Cpu: CopyCpu(stream, dFused, dq, dk, dv, headWidth, splits: false); break;
            case DeviceKind.Planning: break;
            default: BackwardCuda(stream, dFused, dq, dk, dv, headWidth); break;
        }
    }

    private static int Check(Tensor q, Tensor k, Tensor v, Tensor fused, int headWidth)
    {
        (int rows, int columns) = q.Rank2();
        TensorChecks.RequireThat(headWidth > 0 && columns % headWidth == 0, "the columns of q must be whole heads of headWidth");
        k.Require(q.DType, [rows, columns]);
        v.Require(q.DType, [rows, columns]);
        fused.Require(q.DType, [rows, 3 * columns]);
        return columns / headWidth;
    }
}
