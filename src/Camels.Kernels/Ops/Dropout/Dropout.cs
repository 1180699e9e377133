namespace Camels.Kernels.Ops;

/// <summary>
/// y[n, c] = keeps(keys[n], seed, c) ? factor · x[n, c] : 0. What is kept is a function of the row's key, the seed and the column, so that it
/// depends neither on threads nor on what else is in the batch. With a share of 0 everything is kept.
/// </summary>
public static partial class Dropout
{
    /// <summary>Writes y (N, C) from x (N, C) and keys (N); share in [0, 1) is left out. y may be x. The gradient is the same function.</summary>
    public static void Forward(DeviceStream stream, Tensor y, Tensor x, Tensor keys, ulong seed, double share, float factor)
    {
        (int rows, int channels) = x.Rank2();
        y.Require(x.DType, [rows, channels]);
        keys.Require(DType.I32, [rows]);
        TensorChecks.RequireThat(share is >= 0 and < 1, "the share that is left out must be at least 0 and below 1");
        TensorChecks.RequireThat(float.IsFinite(factor), "the factor must be finite");
        uint threshold = (uint)(share * (1L << 32));

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: ForwardReference<double>(y, x, keys, seed, threshold, factor); break;
            case DeviceKind.Plain: ForwardReference<float>(y, x, keys, seed, threshold, factor); break;
            case DeviceKind.Cpu: ForwardCpu(stream, y, x, keys, seed, threshold, factor); break;
            case DeviceKind.Planning: break;
            default: ForwardCuda(stream, y, x, keys, seed, threshold, factor); break;
        }
    }

    // Austin Appleby's finalizer of 32 bits (MurmurHash3).
    private static uint Bits(int key, ulong seed, int column)
    {
        uint bits = ((uint)key + (uint)seed) ^ (((uint)column * 0x9E3779B1) + (uint)(seed >> 32));
        bits = (bits ^ (bits >> 16)) * 0x85EBCA6B;
        bits = (bits ^ (bits >> 13)) * 0xC2B2AE35;
        return bits ^ (bits >> 16);
    }
}
