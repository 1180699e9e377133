using Camels.Engine.Parameters;
using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Layers;

/// <summary>y = x · weightᵀ + bias, weight (O, C), bias (O) where there is one.</summary>
public sealed class LinearLayer(Parameter weight, Parameter? bias = null)
{
    /// <summary>Declares NAME.weight and, if asked for, NAME.bias in <paramref name="unit"/>.</summary>
    public static LinearLayer Declare(ParameterUnit unit, string name, int outputs, int inputs, bool hasBias) =>
        new(unit.Add($"{name}.weight", outputs, inputs), hasBias ? unit.Add($"{name}.bias", outputs) : null);

    /// <summary>y (N, O) from x (N, C).</summary>
    public Tensor Forward(Pass pass, Tensor x)
    {
        Tensor y = pass.New(x.Shape[0], weight.Weight.Shape[0]);
        MatMul.Forward(pass.Stream, y, x: x, weight: weight.Weight);
        if (bias is not null)
        {
            Bias.Forward(pass.Stream, y: y, x: y, bias: bias.Weight);
        }

        return y;
    }

    /// <summary>dx (N, C) from dy (N, O); adds to the gradients of weight and bias.</summary>
    public Tensor Backward(Pass pass, Tensor dy, Tensor x)
    {
        BackwardWeight(pass, dy, x);
        Tensor dx = pass.NewLike(x);
        MatMul.BackwardInput(pass.Stream, dx, dy: dy, weight: weight.Weight);
        return dx;
    }

    /// <summary>Adds to dx (N, C) what dy (N, O) gives, and to the gradients of weight and bias.</summary>
    public void BackwardInto(Pass pass, Tensor dxSum, Tensor dy, Tensor x)
    {
        BackwardWeight(pass, dy, x);
        MatMul.BackwardInputSum(pass.Stream, dxSum, dy: dy, weight: weight.Weight);
    }

    private void BackwardWeight(Pass pass, Tensor dy, Tensor x)
    {
        MatMul.BackwardWeight(pass.Stream, dWeightSum: weight.Gradient, dy: dy, x: x, laneBounds: pass.Batch.LaneBounds);
        if (bias is not null)
        {
            Bias.Backward(pass.Stream, dBiasSum: bias.Gradient, dy: dy, laneBounds: pass.Batch.LaneBounds);
        }
    }
}
