using Camels.Engine.Parameters;
using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Layers;

/// <summary>
/// x[n] = weight[ids[n]], weight (V, E), then what the family adds: Projection from E to C channels, and positions[position + offset] of a
/// learned table.
/// </summary>
/// <param name="weight">Rows of tokens (V, E).</param>
/// <param name="projection">From E to C channels, or null where they are equal.</param>
/// <param name="positions">Rows of positions (offset + T, C), or null where attention rotates.</param>
/// <param name="positionOffset">The row of position 0.</param>
/// <param name="dropout">What training leaves out of the sum, or null.</param>
public sealed class EmbeddingLayer(
    Parameter weight, LinearLayer? projection = null, Parameter? positions = null, int positionOffset = 0, DropoutLayer? dropout = null)
{
    /// <summary>x (N, C) of the pass's tokens; <paramref name="tokens"/> (N, E) is what the backward needs again.</summary>
    public Tensor Forward(Pass pass, out Tensor tokens)
    {
        tokens = pass.New(pass.Batch.Tokens, weight.Weight.Shape[1]);
        Embedding.Forward(pass.Stream, tokens, ids: pass.Batch.Ids, weight: weight.Weight);
        Tensor x = projection is null ? tokens : projection.Forward(pass, tokens);
        if (positions is not null)
        {
            long mark = pass.Arena.Mark();
            Tensor places = pass.NewLike(x);
            Embedding.Forward(pass.Stream, places, ids: pass.Batch.Positions, weight: RowsOf(positions.Weight));
            Add.Forward(pass.Stream, y: x, x: x, residual: places);
            pass.Arena.Rewind(mark);
        }

        dropout?.ForwardInPlace(pass, x);
        return x;
    }

    /// <summary>Adds dx (N, C), over which it may write, to the gradients of the tokens' and positions' rows.</summary>
    public void Backward(Pass pass, Tensor dx, Tensor tokens)
    {
        dropout?.ForwardInPlace(pass, dx);
        pass.Observer?.Invoke("embedding.gradient", dx);
        TokenBatch batch = pass.Batch;
        if (positions is { IsTrained: true })
        {
            Embedding.Backward(
                pass.Stream, dWeightSum: RowsOf(positions.Gradient), dy: dx, ids: batch.Positions, order: batch.PositionOrder,
                laneBounds: batch.LaneBounds);
        }

        Tensor dTokens = projection is null ? dx : projection.Backward(pass, dx, tokens);
        if (weight.IsTrained)
        {
            Embedding.Backward(
                pass.Stream, dWeightSum: weight.Gradient, dy: dTokens, ids: batch.Ids, order: batch.Order, laneBounds: batch.LaneBounds);
        }
    }

    private Tensor RowsOf(Tensor table) => table.Rows(positionOffset, table.Shape[0] - positionOffset);
}
