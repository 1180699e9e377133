using Camels.Engine.Parameters;
using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Layers;

/// <summary>x[n] = weight[ids[n]], weight (V, C).</summary>
public sealed class EmbeddingLayer(Parameter weight)
{
    /// <summary>x (N, C) of the pass's tokens.</summary>
    public Tensor Forward(Pass pass)
    {
        Tensor x = pass.New(pass.Batch.Tokens, weight.Weight.Shape[1]);
        Embedding.Forward(pass.Stream, x, ids: pass.Batch.Ids, weight: weight.Weight);
        return x;
    }

    /// <summary>Adds dx (N, C) to the gradients of the tokens' rows.</summary>
    public void Backward(Pass pass, Tensor dx)
    {
        pass.Observer?.Invoke("embedding.gradient", dx);
        Embedding.Backward(
            pass.Stream, dWeightSum: weight.Gradient, dy: dx, ids: pass.Batch.Ids, order: pass.Batch.Order, laneBounds: pass.Batch.LaneBounds);
    }
}
