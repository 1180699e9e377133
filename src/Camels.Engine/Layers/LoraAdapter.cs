using Camels.Engine.Parameters;
using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Layers;

/// <summary>What an adapter adds to a linear layer: scale · B(A(dropout(x))), A (R, C), B (O, R). With B = 0 it adds exact zeros.</summary>
public sealed class LoraAdapter(Parameter a, Parameter b, AdapterSettings settings)
{
    private readonly DropoutLayer _dropout = new(a.Name, settings.Dropout);

    /// <summary>Declares NAME.lora_A.weight and NAME.lora_B.weight in <paramref name="unit"/>.</summary>
    public static LoraAdapter Declare(ParameterUnit unit, string name, int outputs, int inputs, AdapterSettings settings) => new(
        unit.AddAdapter($"{name}.lora_A.weight", settings.Rank, inputs), unit.AddAdapter($"{name}.lora_B.weight", outputs, settings.Rank), settings);

    /// <summary>Adds to y (N, O) from x (N, C).</summary>
    public void Forward(Pass pass, Tensor ySum, Tensor x)
    {
        long mark = pass.Arena.Mark();
        Tensor reduced = Reduce(pass, _dropout.Forward(pass, x));
        MatMul.Forward(pass.Stream, y: ySum, x: reduced, weight: b.Weight, new Epilogue { Residual = ySum });
        pass.Arena.Rewind(mark);
    }

    /// <summary>Adds to dx (N, C) from dy (N, O), and to the gradients of A and B. What the forward computed is computed again.</summary>
    public void Backward(Pass pass, Tensor dxSum, Tensor dy, Tensor x)
    {
        long mark = pass.Arena.Mark();
        Tensor input = _dropout.Forward(pass, x);
        Tensor reduced = Reduce(pass, input);
        MatMul.BackwardWeight(pass.Stream, dWeightSum: b.Gradient, dy: dy, x: reduced, laneBounds: pass.Batch.LaneBounds);
        Tensor dReduced = pass.NewLike(reduced);
        MatMul.BackwardInput(pass.Stream, dReduced, dy: dy, weight: b.Weight);
        Scale(pass, dReduced);
        MatMul.BackwardWeight(pass.Stream, dWeightSum: a.Gradient, dy: dReduced, x: input, laneBounds: pass.Batch.LaneBounds);
        if (_dropout.IsActive(pass))
        {
            Tensor dInput = pass.NewLike(x);
            MatMul.BackwardInput(pass.Stream, dInput, dy: dReduced, weight: a.Weight);
            _dropout.ForwardInPlace(pass, dInput);
            Add.Forward(pass.Stream, y: dxSum, x: dxSum, residual: dInput);
        }
        else
        {
            MatMul.BackwardInputSum(pass.Stream, dxSum, dy: dReduced, weight: a.Weight);
        }

        pass.Arena.Rewind(mark);
    }

    private Tensor Reduce(Pass pass, Tensor input)
    {
        Tensor reduced = pass.New(input.Shape[0], settings.Rank);
        MatMul.Forward(pass.Stream, y: reduced, x: input, weight: a.Weight);
        Scale(pass, reduced);
        return reduced;
    }

    private void Scale(Pass pass, Tensor x) =>
        Dropout.Forward(pass.Stream, y: x, x: x, keys: pass.Batch.DropoutKeys, seed: 0, share: 0, factor: (float)settings.Scale);
}
