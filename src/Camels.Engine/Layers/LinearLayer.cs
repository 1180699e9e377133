using Camels.Engine.Parameters;
using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Layers;

/// <summary>
/// y = x · weightᵀ + bias, weight (O, C), bias (O) where there is one, plus what an adapter adds where there is one. A weight that is kept in
/// NF4 becomes real numbers for each product and goes again.
/// </summary>
public sealed class LinearLayer(Parameter weight, Parameter? bias = null, LoraAdapter? adapter = null)
{
    /// <summary>
    /// Declares NAME.weight and, if asked for, NAME.bias in <paramref name="unit"/>, with an adapter or in NF4 if the unit's settings say so.
    /// </summary>
    public static LinearLayer Declare(ParameterUnit unit, string name, int outputs, int inputs, bool hasBias)
    {
        Parameter weight = unit.Adapter is { QuantizedBase: true }
            ? unit.AddQuantized($"{name}.weight", outputs, inputs)
            : unit.Add($"{name}.weight", outputs, inputs);
        Parameter? bias = hasBias ? unit.Add($"{name}.bias", outputs) : null;
        LoraAdapter? adapter = unit.Adapter is AdapterSettings settings && settings.Targeted(name)
            ? LoraAdapter.Declare(unit, name, outputs, inputs, settings)
            : null;
        return new LinearLayer(weight, bias, adapter);
    }

    /// <summary>O, the channels of y.</summary>
    public int Outputs => weight.Extents[0];

    /// <summary>True where an adapter adds to y, which must happen before an activation.</summary>
    public bool HasAdapter => adapter is not null;

    /// <summary>y (N, O) from x (N, C), passed through what the caller asks for beside the bias: no activation where there is an adapter.</summary>
    public Tensor Forward(Pass pass, Tensor x, in Epilogue epilogue = default)
    {
        Tensor y = pass.New(x.Shape[0], Outputs);
        long mark = pass.Arena.Mark();
        MatMul.Forward(pass.Stream, y, x: x, weight: WeightOf(pass), epilogue with { Bias = bias is null ? default : bias.Weight });
        pass.Arena.Rewind(mark);
        adapter?.Forward(pass, ySum: y, x);
        return y;
    }

    /// <summary>dx (N, C) from dy (N, O); adds to the gradients of what is trained.</summary>
    public Tensor Backward(Pass pass, Tensor dy, Tensor x)
    {
        BackwardWeight(pass, dy, x);
        Tensor dx = pass.NewLike(x);
        long mark = pass.Arena.Mark();
        MatMul.BackwardInput(pass.Stream, dx, dy: dy, weight: WeightOf(pass));
        pass.Arena.Rewind(mark);
        adapter?.Backward(pass, dxSum: dx, dy, x);
        return dx;
    }

    /// <summary>Adds to dx (N, C) what dy (N, O) gives, and to the gradients of what is trained.</summary>
    public void BackwardInto(Pass pass, Tensor dxSum, Tensor dy, Tensor x)
    {
        BackwardWeight(pass, dy, x);
        long mark = pass.Arena.Mark();
        MatMul.BackwardInputSum(pass.Stream, dxSum, dy: dy, weight: WeightOf(pass));
        pass.Arena.Rewind(mark);
        adapter?.Backward(pass, dxSum: dxSum, dy, x);
    }

    private Tensor WeightOf(Pass pass)
    {
        if (!weight.IsQuantized)
        {
            return weight.Weight;
        }

        Tensor expanded = pass.New(weight.Extents[0], weight.Extents[1]);
        weight.Codes.Expand(pass.Stream, expanded, scales: pass.NewStatistic(Nf4.Blocks(weight.Elements)));
        return expanded;
    }

    private void BackwardWeight(Pass pass, Tensor dy, Tensor x)
    {
        if (weight.IsTrained)
        {
            MatMul.BackwardWeight(pass.Stream, dWeightSum: weight.Gradient, dy: dy, x: x, laneBounds: pass.Batch.LaneBounds);
        }

        if (bias is { IsTrained: true })
        {
            Bias.Backward(pass.Stream, dBiasSum: bias.Gradient, dy: dy, laneBounds: pass.Batch.LaneBounds);
        }
    }
}
