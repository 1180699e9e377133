using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Layers;

/// <summary>y = Down(silu(Gate(x)) * Up(x)), the feed-forward half of a LLaMA block (Shazeer, "GLU Variants Improve Transformer").</summary>
public sealed class SwiGluMlpLayer(LinearLayer gate, LinearLayer up, LinearLayer down)
{
    /// <summary>x (N, C); gated, raised, hidden (N, F).</summary>
    public readonly record struct Saved(Tensor X, Tensor Gated, Tensor Raised, Tensor Hidden);

    /// <summary>residual (N, C) + y (N, C) from x (N, C).</summary>
    public Tensor Forward(Pass pass, Tensor x, Tensor residual, out Saved saved)
    {
        Tensor gated = gate.Forward(pass, x);
        Tensor raised = up.Forward(pass, x);
        Tensor hidden = pass.NewLike(gated);
        SwiGlu.Forward(pass.Stream, hidden: hidden, gated: gated, raised: raised);
        saved = new Saved(x, gated, raised, hidden);
        return down.Forward(pass, hidden, new Epilogue { Residual = residual });
    }

    /// <summary>dx (N, C) from dy (N, C).</summary>
    public Tensor Backward(Pass pass, Tensor dy, in Saved saved)
    {
        Tensor dHidden = down.Backward(pass, dy, saved.Hidden);
        Tensor dRaised = pass.NewLike(dHidden);
        Tensor dGated = dHidden;
        SwiGlu.Backward(
            pass.Stream, dGated: dGated, dRaised: dRaised, dHidden: dHidden, gated: saved.Gated, raised: saved.Raised);

        Tensor dx = gate.Backward(pass, dGated, saved.X);
        up.BackwardInto(pass, dxSum: dx, dRaised, saved.X);
        return dx;
    }
}
