namespace Camels.Kernels.Ops;

/// <summary>
/// Attention of new tokens over the cached keys and values of their sequences: the same numbers, to the bit, that <see cref="Attention"/>
/// gives for the same tokens. A cache holds S slots, one a sequence, of T positions.
/// </summary>
public static partial class CachedAttention
{
    /// <summary>Copies row n of k and v (N, K*D) to keys and values (S, T, K*D) at [slots[n], positions[n]].</summary>
    public static void Append(DeviceStream stream, Tensor keys, Tensor values, Tensor k, Tensor v, Tensor slots, Tensor positions)
    {
        (int tokens, int columns) = k.Rank2();
        (int slotCount, int length, _) = keys.Rank3();
        v.Require(k.DType, [tokens, columns]);
        keys.Require(k.DType, [slotCount, length, columns]);
        values.Require(k.DType, [slotCount, length, columns]);
        RequirePlaces(stream, slots, positions, tokens, slotCount, length);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference or DeviceKind.Plain or DeviceKind.Cpu: AppendHost(keys, values, k, v, slots, positions); break;
            case DeviceKind.Planning: break;
            default: AppendCuda(stream, keys, values, k, v, slots, positions); break;
        }
    }

    private static unsafe void AppendHost(Tensor keys, Tensor values, Tensor k, Tensor v, Tensor slots, Tensor positions)
    {
        (int tokens, int columns) = k.Rank2();
        int length = keys.Shape[1];
        long rowBytes = (long)columns * k.DType.Bytes();
        for (int n = 0; n < tokens; n++)
        {
            long row = ((long)slots.Pointer<int>()[n] * length) + positions.Pointer<int>()[n];
            Buffer.MemoryCopy((byte*)k.Address + (n * rowBytes), (byte*)keys.Address + (row * rowBytes), rowBytes, rowBytes);
            Buffer.MemoryCopy((byte*)v.Address + (n * rowBytes), (byte*)values.Address + (row * rowBytes), rowBytes, rowBytes);
        }
    }

    /// <summary>
    /// Writes y (N, H*D) from q (N, H*D): query n sees positions 0 … positions[n] of slot slots[n] of keys and values (S, T, K*D), which must
    /// be there already. headWidth is D.
    /// </summary>
    public static void Forward(
        DeviceStream stream, Tensor y, Tensor q, Tensor keys, Tensor values, Tensor slots, Tensor positions, int headWidth, float scale)
    {
        (int tokens, int queryColumns) = q.Rank2();
        (int slotCount, int length, int keyColumns) = keys.Rank3();
        AttentionShape shape = AttentionShape.Of(tokens, queryColumns, keyColumns, headWidth, scale);
        y.Require(q.DType, [tokens, queryColumns]);
        keys.Require(q.DType, [slotCount, length, keyColumns]);
        values.Require(q.DType, [slotCount, length, keyColumns]);
        RequirePlaces(stream, slots, positions, tokens, slotCount, length);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: ForwardReference<double>(y, q, keys, values, slots, positions, length, shape); break;
            case DeviceKind.Plain: ForwardReference<float>(y, q, keys, values, slots, positions, length, shape); break;
            case DeviceKind.Cpu: ForwardCpu(stream, y, q, keys, values, slots, positions, length, shape); break;
            case DeviceKind.Planning: break;
            default: ForwardCuda(stream, y, q, keys, values, slots, positions, length, shape); break;
        }
    }

    // Slots and positions are read on the host: a wrong one would reach outside the cache.
    private static void RequirePlaces(DeviceStream stream, Tensor slots, Tensor positions, int tokens, int slotCount, int length)
    {
        slots.Require(DType.I32, [tokens]);
        positions.Require(DType.I32, [tokens]);
        if (!stream.Device.IsHost)
        {
            return;
        }

        bool holds = true;
        for (int n = 0; n < tokens; n++)
        {
            holds &= (uint)slots.AsSpan<int>()[n] < (uint)slotCount && (uint)positions.AsSpan<int>()[n] < (uint)length;
        }

        TensorChecks.RequireThat(holds, "a slot or position lies outside the cache");
    }
}
