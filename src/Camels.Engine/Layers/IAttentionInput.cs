using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Layers;

/// <summary>Makes queries, keys and values of a block's input.</summary>
public interface IAttentionInput
{
    /// <summary>q (N, H·D), k and v (N, K·D) from x (N, C).</summary>
    (Tensor Q, Tensor K, Tensor V) Forward(Pass pass, Tensor x);

    /// <summary>dx (N, C) from dq (N, H·D), dk and dv (N, K·D).</summary>
    Tensor Backward(Pass pass, Tensor dq, Tensor dk, Tensor dv, Tensor x);
}

/// <summary>A product each for queries, keys and values.</summary>
public sealed class SeparateAttentionInput(LinearLayer query, LinearLayer key, LinearLayer value) : IAttentionInput
{
    /// <inheritdoc/>
    public (Tensor Q, Tensor K, Tensor V) Forward(Pass pass, Tensor x) => (query.Forward(pass, x), key.Forward(pass, x), value.Forward(pass, x));

    /// <inheritdoc/>
    public Tensor Backward(Pass pass, Tensor dq, Tensor dk, Tensor dv, Tensor x)
    {
        Tensor dx = query.Backward(pass, dq, x);
        key.BackwardInto(pass, dxSum: dx, dk, x);
        value.BackwardInto(pass, dxSum: dx, dv, x);
        return dx;
    }
}

/// <summary>One product whose columns hold each head's query, key and value one behind the other.</summary>
public sealed class FusedAttentionInput(LinearLayer queryKeyValue, int headCount, int headWidth) : IAttentionInput
{
    /// <inheritdoc/>
    public (Tensor Q, Tensor K, Tensor V) Forward(Pass pass, Tensor x)
    {
        int rows = x.Shape[0];
        int width = headCount * headWidth;
        (Tensor q, Tensor k, Tensor v) = (pass.New(rows, width), pass.New(rows, width), pass.New(rows, width));
        long mark = pass.Arena.Mark();
        SplitHeads.Forward(pass.Stream, q: q, k: k, v: v, fused: queryKeyValue.Forward(pass, x), headWidth);
        pass.Arena.Rewind(mark);
        return (q, k, v);
    }

    /// <inheritdoc/>
    public Tensor Backward(Pass pass, Tensor dq, Tensor dk, Tensor dv, Tensor x)
    {
        Tensor dFused = pass.New(x.Shape[0], 3 * headCount * headWidth);
        SplitHeads.Backward(pass.Stream, dFused: dFused, dq: dq, dk: dk, dv: dv, headWidth);
        return queryKeyValue.Backward(pass, dFused, x);
    }
}
