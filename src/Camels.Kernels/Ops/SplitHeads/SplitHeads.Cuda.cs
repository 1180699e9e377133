namespace Camels.Kernels.Ops;

public static partial class SplitHeads
{
    private const int Threads = 256;

    private static readonly KernelSet _forward = new("split_heads", "split_heads_forward");
    private static readonly KernelSet _backward = new("split_heads", "split_heads_backward");

    private static void ForwardCuda(DeviceStream stream, Tensor q, Tensor k, Tensor v, Tensor fused, int headWidth) =>
        stream.Launch(_forward[q.DType], new LaunchSize(q.Shape[0], Threads), q, k, v, fused, q.Shape[1] / headWidth, headWidth);

    private static void BackwardCuda(DeviceStream stream, Tensor dFused, Tensor dq, Tensor dk, Tensor dv, int headWidth) =>
        stream.Launch(_backward[dq.DType], new LaunchSize(dq.Shape[0], Threads), dq, dk, dv, dFused, dq.Shape[1] / headWidth, headWidth);
}
