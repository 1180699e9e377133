using Camels.Kernels.Interop;

namespace Camels.Kernels.Ops;

/// <summary>
/// Launches of native/cuda/attention_wgmma.cu: the forward of 16-bit types with heads of 64 or 128 on sm_90a. Training and generation both ask
/// <see cref="Takes"/>, which looks at nothing but the type and the width, so both take the same kernels.
/// </summary>
internal static unsafe class AttentionGroups
{
    private const int Rows = 128;
    private const int Keys = 128;
    private const int Stages = 2;
    private const int Threads = 384;
    private const int BarrierBytes = 4 * Stages * sizeof(long);

    private static readonly KernelSet _forward64 = new("attention_wgmma", "attention_wgmma_forward_64");
    private static readonly KernelSet _forward128 = new("attention_wgmma", "attention_wgmma_forward_128");

    /// <summary>True where these kernels compute.</summary>
    public static bool Takes(DeviceStream stream, AttentionShape shape, DType dtype) =>
        stream.Device.Cuda!.Target == "sm_90a" && dtype is DType.BF16 or DType.F16 && shape.HeadWidth is 64 or 128;

    /// <summary>As <see cref="Attention.ForwardCuda(DeviceStream, Tensor, KernelArgument, Tensor, Tensor, Tensor, in AttentionPlaces, AttentionShape)"/>.</summary>
    public static void Forward(
        DeviceStream stream, Tensor y, KernelArgument logSumExp, Tensor q, Tensor k, Tensor v, in AttentionPlaces places, AttentionShape shape)
    {
        RequireAligned(y, q, k, v);
        if (shape.Tokens == 0)
        {
            return;
        }

        byte* maps = stackalloc byte[(2 * CudaTensorMap.Bytes) + CudaTensorMap.AlignmentBytes];
        maps = Maps(stream, maps, k, v);
        (long parts, int sets) = places.Blocks(shape, Rows);
        stream.Launch(
            (shape.HeadWidth == 64 ? _forward64 : _forward128)[q.DType], Size(parts, sets, shape), new KernelArgument(maps, CudaTensorMap.Bytes),
            new KernelArgument(maps + CudaTensorMap.Bytes, CudaTensorMap.Bytes), y, logSumExp, q, places.Bounds, places.Slots, places.Positions,
            places.Count, places.Length, shape.Tokens, shape.Heads, shape.KeyHeads, AttentionCuda.GroupInverse(shape), shape.Scale);
    }

    private static LaunchSize Size(long parts, int sets, AttentionShape shape)
    {
        int tileBytes = Keys * shape.HeadWidth * 2;
        return new LaunchSize(
            parts, Threads, Y: shape.KeyHeads, Z: sets, SharedBytes: (Rows * shape.HeadWidth * 2) + (2 * Stages * tileBytes) + BarrierBytes);
    }

    private static byte* Maps(DeviceStream stream, byte* place, Tensor keys, Tensor values)
    {
        byte* maps = CudaTensorMap.Aligned(place);
        CudaTensorMap.Encode(stream.Device.Cuda!.Context.Driver, maps, keys, keys.Shape[1], Keys);
        CudaTensorMap.Encode(stream.Device.Cuda!.Context.Driver, maps + CudaTensorMap.Bytes, values, values.Shape[1], Keys);
        return maps;
    }

    /// <summary>Throws unless all tensors start where the copy engine and 16-byte stores need it.</summary>
    public static void RequireAligned(params ReadOnlySpan<Tensor> tensors)
    {
        foreach (Tensor tensor in tensors)
        {
            TensorChecks.RequireThat((tensor.Address & 15) == 0, "tensors of an attention must start at multiples of 16 bytes");
        }
    }
}
