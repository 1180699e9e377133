using Camels.Kernels.Interop;

namespace Camels.Kernels.Ops;

/// <summary>Launches of native/cuda/attention_backward_wgmma.cu, for what <see cref="AttentionGroups.Takes"/>.</summary>
internal static unsafe class AttentionGroupsBackward
{
    private const int Held = 128;
    private const int Step = 64;
    private const int Stages = 2;
    private const int Threads = 384;
    private const int Maps = 4;
    private const int BarrierBytes = ((2 * Stages) + 1) * sizeof(long);

    private static readonly KernelSet _keys64 = new("attention_backward_wgmma", "attention_wgmma_backward_keys_64");
    private static readonly KernelSet _keys128 = new("attention_backward_wgmma", "attention_wgmma_backward_keys_128");
    private static readonly KernelSet _tokens64 = new("attention_backward_wgmma", "attention_wgmma_backward_tokens_64");
    private static readonly KernelSet _tokens128 = new("attention_backward_wgmma", "attention_wgmma_backward_tokens_128");

    /// <summary>As <see cref="Attention.Backward"/>, with delta (N, H) computed.</summary>
    public static void Backward(
        DeviceStream stream, Tensor dq, Tensor dk, Tensor dv, Tensor dy, Tensor q, Tensor k, Tensor v, Tensor logSumExp, Tensor delta,
        Tensor documentBounds, AttentionShape shape)
    {
        AttentionGroups.RequireAligned(dq, dk, dv, dy, q, k, v);
        if (shape.Tokens == 0)
        {
            return;
        }

        byte* place = stackalloc byte[(Maps * CudaTensorMap.Bytes) + CudaTensorMap.AlignmentBytes];
        byte* maps = CudaTensorMap.Aligned(place);
        CudaDriver driver = stream.Device.Cuda!.Context.Driver;
        ReadOnlySpan<Tensor> tensors = [q, dy, k, v];
        for (int i = 0; i < Maps; i++)
        {
            CudaTensorMap.Encode(driver, maps + (i * CudaTensorMap.Bytes), tensors[i], tensors[i].Shape[1], Step);
        }

        KernelArgument mapOfQ = new(maps, CudaTensorMap.Bytes);
        KernelArgument mapOfDy = new(maps + CudaTensorMap.Bytes, CudaTensorMap.Bytes);
        KernelArgument mapOfK = new(maps + (2 * CudaTensorMap.Bytes), CudaTensorMap.Bytes);
        KernelArgument mapOfV = new(maps + (3 * CudaTensorMap.Bytes), CudaTensorMap.Bytes);
        int documents = documentBounds.Shape[0] - 1;
        LaunchSize size = new(
            AttentionCuda.MostParts(shape, documents, rowsPerToken: 1, Held), Threads, Y: shape.KeyHeads, SharedBytes: SharedBytes(shape.HeadWidth));
        stream.Launch(
            (shape.HeadWidth == 64 ? _keys64 : _keys128)[q.DType], size, mapOfQ, mapOfDy, mapOfK, mapOfV, dk, dv, logSumExp, delta, documentBounds,
            documents, shape.Tokens, shape.Heads, shape.KeyHeads, shape.Scale);
        stream.Launch(
            (shape.HeadWidth == 64 ? _tokens64 : _tokens128)[q.DType], size with { Y = shape.Heads }, mapOfQ, mapOfDy, mapOfK, mapOfV, dq, logSumExp,
            delta, documentBounds, documents, shape.Tokens, shape.Heads, shape.KeyHeads, shape.Scale);
    }

    // BackwardGroupShape of attention_groups_backward.cuh: what both warpgroups hold, the stages, their tokens' statistics, the barriers.
    private static int SharedBytes(int headWidth) =>
        (2 * Held * headWidth * 2) + (Stages * ((2 * Step * headWidth * 2) + (2 * Step * sizeof(float)))) + BarrierBytes;
}
