using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Layers;

/// <summary>
/// y = Output(attention(rope(q), rope(k), v)) with q, k, v = Input(x): causal inside each document, grouped-query heads. Without a table
/// nothing is rotated.
/// </summary>
public sealed class AttentionLayer(IAttentionInput input, LinearLayer output, RopeTable? rope, int headWidth, int block)
{
    private readonly float _scale = 1 / MathF.Sqrt(headWidth);

    /// <summary>x (N, C); rotated q (N, H·D) and k (N, K·D); v (N, K·D); mixed (N, H·D); logSumExp (N, H).</summary>
    public readonly record struct Saved(Tensor X, Tensor Q, Tensor K, Tensor V, Tensor Mixed, Tensor LogSumExp);

    /// <summary>residual (N, C) + y (N, C) from x (N, C); a residual that is none is left out.</summary>
    public Tensor Forward(Pass pass, Tensor x, Tensor residual, out Saved saved)
    {
        TokenBatch batch = pass.Batch;
        (Tensor q, Tensor k, Tensor v) = input.Forward(pass, x);
        if (rope is not null)
        {
            Rope.Forward(pass.Stream, y: q, x: q, batch.Positions, cosines: rope.Cosines, sines: rope.Sines, headWidth);
            Rope.Forward(pass.Stream, y: k, x: k, batch.Positions, cosines: rope.Cosines, sines: rope.Sines, headWidth);
        }

        Tensor mixed = pass.NewLike(q);
        if (pass.Cache is KvCache cache)
        {
            Tensor keys = cache.Keys(block);
            Tensor values = cache.Values(block);
            CachedAttention.Append(
                pass.Stream, keys: keys, values: values, k: k, v: v, slots: batch.Slots, positions: batch.Positions);
            CachedAttention.Forward(
                pass.Stream, y: mixed, q: q, keys: keys, values: values, slots: batch.Slots, positions: batch.Positions, headWidth, _scale);
            saved = default;
            return output.Forward(pass, mixed, new Epilogue { Residual = residual });
        }

        Tensor logSumExp = pass.NewStatistic(x.Shape[0], q.Shape[1] / headWidth);
        Attention.Forward(
            pass.Stream, y: mixed, logSumExp: logSumExp, q: q, k: k, v: v, documentBounds: batch.DocumentBounds, headWidth, _scale);
        saved = new Saved(x, q, k, v, mixed, logSumExp);
        return output.Forward(pass, mixed, new Epilogue { Residual = residual });
    }

    /// <summary>dx (N, C) from dy (N, C).</summary>
    public Tensor Backward(Pass pass, Tensor dy, in Saved saved)
    {
        TokenBatch batch = pass.Batch;
        Tensor dMixed = output.Backward(pass, dy, saved.Mixed);
        Tensor dq = pass.NewLike(saved.Q);
        Tensor dk = pass.NewLike(saved.K);
        Tensor dv = pass.NewLike(saved.V);
        Tensor delta = pass.NewStatistic(saved.LogSumExp.Shape[0], saved.LogSumExp.Shape[1]);
        Attention.Backward(
            pass.Stream, dq: dq, dk: dk, dv: dv, dy: dMixed, q: saved.Q, k: saved.K, v: saved.V, y: saved.Mixed,
            logSumExp: saved.LogSumExp, delta: delta, documentBounds: batch.DocumentBounds, headWidth, _scale);
        if (rope is not null)
        {
            Rope.Backward(pass.Stream, dx: dq, dy: dq, batch.Positions, cosines: rope.Cosines, sines: rope.Sines, headWidth);
            Rope.Backward(pass.Stream, dx: dk, dy: dk, batch.Positions, cosines: rope.Cosines, sines: rope.Sines, headWidth);
        }

        return input.Backward(pass, dq, dk, dv, saved.X);
    }
}
