namespace Camels.Kernels.Ops;

/// <summary>
/// Causal attention inside each document: for token n and head h, y = sum over j of softmax(scale * q·k)[j] * v[j], where j runs over the
/// tokens of n's document up to n, and head h reads the key/value head h / (H / K). No matrix of scores is kept: the forward saves the
/// logarithm of the softmax's denominator, from which the backward forms the probabilities again (Dao et al., "FlashAttention", 2022).
/// </summary>
public static partial class Attention
{
    /// <summary>The widest head.</summary>
    public const int MaximumHeadWidth = 256;

    /// <summary>
    /// Writes y (N, H*D) and logSumExp (N, H) from q (N, H*D), k and v (N, K*D), H a multiple of K. documentBounds (documents + 1) are the
    /// first tokens of the documents and N; headWidth is D.
    /// </summary>
    public static void Forward(
        DeviceStream stream, Tensor y, Tensor logSumExp, Tensor q, Tensor k, Tensor v, Tensor documentBounds, int headWidth, float scale)
    {
        AttentionShape shape = AttentionShape.Of(q, k, v, headWidth, scale);
        y.Require(q.DType, [shape.Tokens, shape.Heads * shape.HeadWidth]);
        logSumExp.Require(DTypes.StatisticsOf(q.DType), [shape.Tokens, shape.Heads]);
        RequireBounds(stream, documentBounds, shape.Tokens);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference: ForwardReference<double>(y, logSumExp, q, k, v, documentBounds, shape); break;
            case DeviceKind.Plain: ForwardReference<float>(y, logSumExp, q, k, v, documentBounds, shape); break;
            case DeviceKind.Cpu: ForwardCpu(stream, y, logSumExp, q, k, v, documentBounds, shape); break;
            case DeviceKind.Planning: break;
            default: ForwardCuda(stream, y, logSumExp, q, k, v, documentBounds, shape); break;
        }
    }

    /// <summary>
    /// Writes dq (N, H*D), dk and dv (N, K*D) from dy (N, H*D) and what the forward read and wrote. delta (N, H) is workspace.
    /// </summary>
    public static void Backward(
        DeviceStream stream, Tensor dq, Tensor dk, Tensor dv, Tensor dy, Tensor q, Tensor k, Tensor v, Tensor y, Tensor logSumExp,
        Tensor delta, Tensor documentBounds, int headWidth, float scale)
    {
        AttentionShape shape = AttentionShape.Of(q, k, v, headWidth, scale);
        DType statistics = DTypes.StatisticsOf(q.DType);
        dq.Require(q.DType, [shape.Tokens, shape.Heads * shape.HeadWidth]);
        dk.Require(q.DType, [shape.Tokens, shape.KeyHeads * shape.HeadWidth]);
        dv.Require(q.DType, [shape.Tokens, shape.KeyHeads * shape.HeadWidth]);
        dy.Require(q.DType, [shape.Tokens, shape.Heads * shape.HeadWidth]);
        y.Require(q.DType, [shape.Tokens, shape.Heads * shape.HeadWidth]);
        logSumExp.Require(statistics, [shape.Tokens, shape.Heads]);
        delta.Require(statistics, [shape.Tokens, shape.Heads]);
        RequireBounds(stream, documentBounds, shape.Tokens);

        switch (stream.Device.Kind)
        {
            case DeviceKind.Reference:
                BackwardReference<double>(dq, dk, dv, dy, q, k, v, y, logSumExp, delta, documentBounds, shape);
                break;
            case DeviceKind.Plain:
                BackwardReference<float>(dq, dk, dv, dy, q, k, v, y, logSumExp, delta, documentBounds, shape);
                break;
            case DeviceKind.Cpu:
                BackwardCpu(stream, dq, dk, dv, dy, q, k, v, y, logSumExp, documentBounds, shape);
                break;
            case DeviceKind.Planning:
                break;
            default:
                BackwardCuda(stream, dq, dk, dv, dy, q, k, v, y, logSumExp, delta, documentBounds, shape);
                break;
        }
    }

    // The bounds are read on the host: a wrong one would reach outside the tensors.
    private static void RequireBounds(DeviceStream stream, Tensor documentBounds, int tokens)
    {
        int count = documentBounds.Rank1();
        documentBounds.Require(DType.I32, [count]);
        if (!stream.Device.IsHost)
        {
            return;
        }

        ReadOnlySpan<int> bounds = documentBounds.AsSpan<int>();
        bool holds = count > 0 && bounds[0] == 0 && bounds[^1] == tokens;
        for (int document = 1; document < count; document++)
        {
            holds &= bounds[document - 1] <= bounds[document];
        }

        TensorChecks.RequireThat(holds, "documentBounds must start at 0, never fall and end at the number of tokens");
    }
}
