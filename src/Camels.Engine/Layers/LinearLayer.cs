using Camels.Engine.Parameters;
using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Layers;

/// <summary>y = x · weightᵀ, weight (O, C).</summary>
public sealed class LinearLayer(Parameter weight)
{
    /// <summary>The weight (O, C).</summary>
    public Parameter Weight { get; } = weight;

    /// <summary>y (N, O) from x (N, C).</summary>
    public Tensor Forward(Pass pass, Tensor x)
    {
        Tensor y = pass.New(x.Shape[0], Weight.Weight.Shape[0]);
        MatMul.Forward(pass.Stream, y, x: x, weight: Weight.Weight);
        return y;
    }

    /// <summary>dx (N, C) from dy (N, O); adds to the weight's gradient.</summary>
    public Tensor Backward(Pass pass, Tensor dy, Tensor x)
    {
        BackwardWeight(pass, dy, x);
        Tensor dx = pass.NewLike(x);
        MatMul.BackwardInput(pass.Stream, dx, dy: dy, weight: Weight.Weight);
        return dx;
    }

    /// <summary>Adds to dx (N, C) what dy (N, O) gives, and to the weight's gradient.</summary>
    public void BackwardInto(Pass pass, Tensor dxSum, Tensor dy, Tensor x)
    {
        BackwardWeight(pass, dy, x);
        MatMul.BackwardInputSum(pass.Stream, dxSum, dy: dy, weight: Weight.Weight);
    }

    private void BackwardWeight(Pass pass, Tensor dy, Tensor x) =>
        MatMul.BackwardWeight(pass.Stream, dWeightSum: Weight.Gradient, dy: dy, x: x, laneBounds: pass.Batch.LaneBounds);
}
