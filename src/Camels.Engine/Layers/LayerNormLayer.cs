using Camels.Engine.Parameters;
using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Layers;

/// <summary>y = (x − mean(x)) / deviation(x) * weight + bias, weight and bias (C).</summary>
public sealed class LayerNormLayer(Parameter weight, Parameter bias, float eps) : INormLayer
{
    /// <summary>Declares NAME.weight and NAME.bias in <paramref name="unit"/>.</summary>
    public static LayerNormLayer Declare(ParameterUnit unit, string name, int channels, double eps) =>
        new(unit.Add($"{name}.weight", channels), unit.Add($"{name}.bias", channels), (float)eps);

    /// <inheritdoc/>
    public Tensor Forward(Pass pass, Tensor x, out NormSaved saved)
    {
        Tensor y = pass.NewLike(x);
        Tensor mean = pass.NewStatistic(x.Shape[0]);
        Tensor rstd = pass.NewStatistic(x.Shape[0]);
        LayerNorm.Forward(pass.Stream, y: y, mean: mean, rstd: rstd, x: x, weight: weight.Weight, bias: bias.Weight, eps);
        saved = new NormSaved(x, rstd, mean);
        return y;
    }

    /// <inheritdoc/>
    public Tensor Backward(Pass pass, Tensor dy, in NormSaved saved)
    {
        LayerNorm.Backward(
            pass.Stream, dx: dy, dWeightSum: pass.GradientOf(weight), dBiasSum: pass.GradientOf(bias), dy: dy, x: saved.X, weight: weight.Weight,
            mean: saved.Mean, rstd: saved.Rstd, laneBounds: pass.Batch.LaneBounds);
        return dy;
    }
}
