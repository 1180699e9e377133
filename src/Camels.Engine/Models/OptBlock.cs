using Camels.Engine.Layers;
using Camels.Engine.Parameters;
using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Models;

/// <summary>
/// Norms first: y = h + mlp(norm(h)), h = x + attention(norm(x)). Norms last, as in OPT 350M: y = norm(h + mlp(h)), h = norm(x + attention(x)).
/// In training a share of what each half adds is left out.
/// </summary>
public sealed class OptBlock : IBlock<OptBlock.Saved>
{
    private readonly LayerNormLayer _attentionNorm;
    private readonly AttentionLayer _attention;
    private readonly DropoutLayer _attentionDropout;
    private readonly LayerNormLayer _mlpNorm;
    private readonly MlpLayer _mlp;
    private readonly DropoutLayer _mlpDropout;
    private readonly bool _normsLast;

    /// <summary>Declares block <paramref name="index"/>'s weights in <paramref name="unit"/>, their names starting with <paramref name="prefix"/>.</summary>
    public OptBlock(ModelConfig config, ParameterUnit unit, string prefix, int index)
    {
        int width = config.HiddenSize;
        LinearLayer Linear(string name, int outputs, int inputs, bool hasBias) => LinearLayer.Declare(unit, prefix + name, outputs, inputs, hasBias);

        _normsLast = config.NormsLast;
        SeparateAttentionInput input = new(
            query: Linear("self_attn.q_proj", width, width, config.AttentionBias), key: Linear("self_attn.k_proj", width, width, config.AttentionBias),
            value: Linear("self_attn.v_proj", width, width, config.AttentionBias));
        _attention = new AttentionLayer(
            input, output: Linear("self_attn.out_proj", width, width, config.AttentionOutputBias), rope: null, config.HeadSize, block: index);
        _attentionNorm = LayerNormLayer.Declare(unit, prefix + "self_attn_layer_norm", width, config.NormEpsilon);
        _mlp = new MlpLayer(
            up: Linear("fc1", config.IntermediateSize, width, config.MlpBias), down: Linear("fc2", width, config.IntermediateSize, config.MlpBias),
            config.Activation);
        _mlpNorm = LayerNormLayer.Declare(unit, prefix + "final_layer_norm", width, config.NormEpsilon);
        _attentionDropout = new DropoutLayer(prefix + "self_attn.dropout", config.Dropout.Hidden);
        _mlpDropout = new DropoutLayer(prefix + "fc2.dropout", config.Dropout.Hidden);
    }

    /// <summary>What the four layers need again.</summary>
    public readonly record struct Saved(NormSaved AttentionNorm, AttentionLayer.Saved Attention, NormSaved MlpNorm, MlpLayer.Saved Mlp);

    /// <inheritdoc/>
    public Tensor Forward(Pass pass, Tensor x, out Saved saved)
    {
        NormSaved attentionNorm = default;
        NormSaved mlpNorm = default;
        Tensor h = _attention.Forward(
            pass, _normsLast ? x : _attentionNorm.Forward(pass, x, out attentionNorm), _attentionDropout.ResidualBefore(pass, x),
            out AttentionLayer.Saved attention);
        _attentionDropout.ForwardBeforeResidual(pass, h, residual: x);
        h = _normsLast ? _attentionNorm.Forward(pass, h, out attentionNorm) : h;
        Tensor y = _mlp.Forward(
            pass, _normsLast ? h : _mlpNorm.Forward(pass, h, out mlpNorm), _mlpDropout.ResidualBefore(pass, h), out MlpLayer.Saved mlp);
        _mlpDropout.ForwardBeforeResidual(pass, y, residual: h);
        y = _normsLast ? _mlpNorm.Forward(pass, y, out mlpNorm) : y;
        saved = new Saved(attentionNorm, attention, mlpNorm, mlp);
        return y;
    }

    /// <inheritdoc/>
    public Tensor Backward(Pass pass, Tensor dy, in Saved saved)
    {
        dy = _normsLast ? _mlpNorm.Backward(pass, dy, saved.MlpNorm) : dy;
        Tensor dh = _mlp.Backward(pass, _mlpDropout.Forward(pass, dy), saved.Mlp);
        dh = _normsLast ? dh : _mlpNorm.Backward(pass, dh, saved.MlpNorm);
        Add.Forward(pass.Stream, y: dh, x: dh, residual: dy);
        dh = _normsLast ? _attentionNorm.Backward(pass, dh, saved.AttentionNorm) : dh;
        Tensor dx = _attention.Backward(pass, _attentionDropout.Forward(pass, dh), saved.Attention);
        dx = _normsLast ? dx : _attentionNorm.Backward(pass, dx, saved.AttentionNorm);
        Add.Forward(pass.Stream, y: dx, x: dx, residual: dh);
        return dx;
    }
}
