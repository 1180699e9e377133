namespace Camels.Kernels.Ops;

/// <summary>
/// What the results of a product pass on their way to memory, in single precision: y = residual + activation(bias + x · weightᵀ), rounded once.
/// The default passes them as they are; a tensor that is none is left out.
/// </summary>
public readonly record struct Epilogue
{
    /// <summary>(O), of the weight's type.</summary>
    public Tensor Bias { get; init; }

    /// <summary>(N, O), of y's type. It may be y.</summary>
    public Tensor Residual { get; init; }

    /// <summary>The function of bias + x · weightᵀ.</summary>
    public Activation Activation { get; init; }

    /// <summary>(N, O), of y's type: receives bias + x · weightᵀ, for the activation's gradient.</summary>
    public Tensor BeforeActivation { get; init; }

    /// <summary>True where results pass as they are.</summary>
    internal bool IsNone => Bias.IsNone && Residual.IsNone && Activation == Activation.None && BeforeActivation.IsNone;

    /// <summary>Throws unless the tensors are those that y and weight ask for.</summary>
    internal void Require(Tensor y, Tensor weight)
    {
        if (IsNone)
        {
            return;
        }

        y.Require(weight.DType, [y.Shape[0], y.Shape[1]]);
        if (!Bias.IsNone)
        {
            Bias.Require(weight.DType, [weight.Shape[0]]);
        }

        if (!Residual.IsNone)
        {
            Residual.RequireLike(weight.DType, y);
        }

        if (!BeforeActivation.IsNone)
        {
            BeforeActivation.RequireLike(weight.DType, y);
        }
    }
}
