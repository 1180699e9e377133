using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Layers;

/// <summary>The function between the two halves of an ungated feed-forward layer.</summary>
public enum Activation
{
    /// <summary>max(x, 0).</summary>
    Relu,

    /// <summary>x times the normal distribution function of x, exactly.</summary>
    Gelu,
}

/// <summary>y = Down(activation(Up(x))), the feed-forward half of OPT and GPT-NeoX blocks.</summary>
public sealed class MlpLayer(LinearLayer up, LinearLayer down, Activation activation)
{
    /// <summary>x (N, C); raised and hidden (N, F), one tensor where hidden alone tells the gradient.</summary>
    public readonly record struct Saved(Tensor X, Tensor Raised, Tensor Hidden);

    /// <summary>y (N, C) from x (N, C).</summary>
    public Tensor Forward(Pass pass, Tensor x, out Saved saved)
    {
        Tensor raised = up.Forward(pass, x);
        Tensor hidden = raised;
        if (activation == Activation.Relu)
        {
            Relu.Forward(pass.Stream, y: hidden, x: raised);
        }
        else
        {
            hidden = pass.NewLike(raised);
            Gelu.Forward(pass.Stream, y: hidden, x: raised);
        }

        saved = new Saved(x, raised, hidden);
        return down.Forward(pass, hidden);
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
}
