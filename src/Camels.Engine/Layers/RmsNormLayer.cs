using Camels.Engine.Parameters;
using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Layers;

/// <summary>y = x / rms(x) * weight, weight (C).</summary>
public sealed class RmsNormLayer(Parameter weight, float eps) : INormLayer
{
    /// <inheritdoc/>
    public Tensor Forward(Pass pass, Tensor x, out NormSaved saved)
    {
        Tensor y = pass.NewLike(x);
        Tensor rstd = pass.NewStatistic(x.Shape[0]);
        RmsNorm.Forward(pass.Stream, y: y, rstd: rstd, x: x, weight: weight.Weight, eps);
        saved = new NormSaved(x, rstd, Mean: default);
        return y;
    }

    /// <inheritdoc/>
    public Tensor Backward(Pass pass, Tensor dy, in NormSaved saved)
    {
        RmsNorm.Backward(
            pass.Stream, dx: dy, dWeightSum: pass.GradientOf(weight), dy: dy, x: saved.X, weight: weight.Weight, rstd: saved.Rstd,
            laneBounds: pass.Batch.LaneBounds);
        return dy;
    }
}
