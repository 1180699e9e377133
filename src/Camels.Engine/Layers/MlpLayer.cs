using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Layers;

/// <summary>y = Down(activation(Up(x))), the feed-forward half of OPT and GPT-NeoX blocks.</summary>
public sealed class MlpLayer(LinearLayer up, LinearLayer down, Activation activation)
{
    /// <summary>x (N, C); raised and hidden (N, F), one tensor where hidden alone tells the gradient.</summary>
    public readonly record struct Saved(Tensor X, Tensor Raised, Tensor Hidden);

    /// <summary>residual (N, C) + y (N, C) from x (N, C); a residual that is none is left out.</summary>
    public Tensor Forward(Pass pass, Tensor x, Tensor residual, out Saved saved)
    {
        bool keepsRaised = activation == Activation.Gelu && pass.Cache is null;
        Tensor raised;
        Tensor hidden;
        if (up.HasAdapter)
        {
            raised = up.Forward(pass, x);
            hidden = keepsRaised ? pass.NewLike(raised) : raised;
            Activate(pass, hidden, raised);
        }
        else
        {
            raised = keepsRaised ? pass.New(x.Shape[0], up.Outputs) : default;
            hidden = up.Forward(pass, x, new Epilogue { Activation = activation, BeforeActivation = raised });
        }

        saved = new Saved(x, keepsRaised ? raised : hidden, hidden);
        return down.Forward(pass, hidden, new Epilogue { Residual = residual });
    }

    /// <summary>dx (N, C) from dy (N, C).</summary>
    public Tensor Backward(Pass pass, Tensor dy, in Saved saved)
    {
        Tensor dHidden = down.Backward(pass, dy, saved.Hidden);
        if (activation == Activation.Relu)
        {
            Relu.Backward(pass.Stream, dx: dHidden, dy: dHidden, x: saved.Raised);
        }
        else
        {
            Gelu.Backward(pass.Stream, dx: dHidden, dy: dHidden, x: saved.Raised);
        }

        return up.Backward(pass, dHidden, saved.X);
    }

    private void Activate(Pass pass, Tensor hidden, Tensor raised)
    {
        if (activation == Activation.Relu)
        {
            Relu.Forward(pass.Stream, y: hidden, x: raised);
        }
        else
        {
            Gelu.Forward(pass.Stream, y: hidden, x: raised);
        }
    }
}
