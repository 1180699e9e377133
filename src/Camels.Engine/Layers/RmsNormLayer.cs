using Camels.Engine.Parameters;
using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Layers;

/// <summary>y = x / rms(x) * weight, weight (C).</summary>
public sealed class RmsNormLayer(Parameter weight, float eps)
{
    /// <summary>x (N, C) and 1 / rms of its rows (N).</summary>
    public readonly record struct Saved(Tensor X, Tensor Rstd);

    /// <summary>y (N, C) from x (N, C).</summary>
    public Tensor Forward(Pass pass, Tensor x, out Saved saved)
    {
        Tensor y = pass.NewLike(x);
        Tensor rstd = pass.NewStatistic(x.Shape[0]);
        RmsNorm.Forward(pass.Stream, y: y, rstd: rstd, x: x, weight: weight.Weight, eps);
        saved = new Saved(x, rstd);
        return y;
    }

    /// <summary>dx (N, C) from dy (N, C), written over dy.</summary>
    public Tensor Backward(Pass pass, Tensor dy, in Saved saved)
    {
        RmsNorm.Backward(
            pass.Stream, dx: dy, dWeightSum: weight.Gradient, dy: dy, x: saved.X, weight: weight.Weight, rstd: saved.Rstd,
            laneBounds: pass.Batch.LaneBounds);
        return dy;
    }
}
