using Camels.Engine.Layers;
using Camels.Engine.Parameters;
using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Models;

/// <summary>
/// Parallel: y = x + attention(norm1(x)) + mlp(norm2(x)). Sequential: y = h + mlp(norm2(h)), h = x + attention(norm1(x)). In training a share of
/// what each half adds is left out.
/// </summary>
public sealed class GptNeoXBlock : IBlock<GptNeoXBlock.Saved>
{
    private readonly LayerNormLayer _attentionNorm;
    private readonly AttentionLayer _attention;
    private readonly DropoutLayer _attentionDropout;
    private readonly LayerNormLayer _mlpNorm;
    private readonly MlpLayer _mlp;
    private readonly DropoutLayer _mlpDropout;
    private readonly bool _isParallel;

    /// <summary>Declares block <paramref name="index"/>'s weights in <paramref name="unit"/>.</summary>
    public GptNeoXBlock(ModelConfig config, ParameterUnit unit, RopeTable rope, int index)
    {
        string prefix = FormattableString.Invariant($"gpt_neox.layers.{index}.");
        int width = config.HiddenSize;
        LinearLayer Linear(string name, int outputs, int inputs, bool hasBias) => LinearLayer.Declare(unit, prefix + name, outputs, inputs, hasBias);

        _isParallel = config.ParallelResidual;
        _attentionNorm = LayerNormLayer.Declare(unit, prefix + "input_layernorm", width, config.NormEpsilon);
        _mlpNorm = LayerNormLayer.Declare(unit, prefix + "post_attention_layernorm", width, config.NormEpsilon);
        FusedAttentionInput input = new(
            Linear("attention.query_key_value", 3 * width, width, config.AttentionBias), config.HeadCount, config.HeadSize);
        _attention = new AttentionLayer(
            input, output: Linear("attention.dense", width, width, config.AttentionOutputBias), rope, config.HeadSize, block: index);
        _mlp = new MlpLayer(
            up: Linear("mlp.dense_h_to_4h", config.IntermediateSize, width, config.MlpBias),
            down: Linear("mlp.dense_4h_to_h", width, config.IntermediateSize, config.MlpBias), config.Activation);
        _attentionDropout = new DropoutLayer(prefix + "attention.dropout", config.Dropout.Hidden);
        _mlpDropout = new DropoutLayer(prefix + "mlp.dropout", config.Dropout.Hidden);
    }

    /// <summary>What the four layers need again.</summary>
    public readonly record struct Saved(NormSaved AttentionNorm, AttentionLayer.Saved Attention, NormSaved MlpNorm, MlpLayer.Saved Mlp);

    /// <inheritdoc/>
    public Tensor Forward(Pass pass, Tensor x, out Saved saved)
    {
        Tensor h = _attention.Forward(
            pass, _attentionNorm.Forward(pass, x, out NormSaved attentionNorm), _attentionDropout.ResidualBefore(pass, x),
            out AttentionLayer.Saved attention);
        _attentionDropout.ForwardBeforeResidual(pass, h, residual: x);
        Tensor y = _mlp.Forward(
            pass, _mlpNorm.Forward(pass, _isParallel ? x : h, out NormSaved mlpNorm), _mlpDropout.ResidualBefore(pass, h), out MlpLayer.Saved mlp);
        _mlpDropout.ForwardBeforeResidual(pass, y, residual: h);
        saved = new Saved(attentionNorm, attention, mlpNorm, mlp);
        return y;
    }

    /// <inheritdoc/>
    public Tensor Backward(Pass pass, Tensor dy, in Saved saved)
    {
        // dh arrives at the mlp's input: at h, or at x where both halves read it.
        Tensor dh = _mlpNorm.Backward(pass, _mlp.Backward(pass, _mlpDropout.Forward(pass, dy), saved.Mlp), saved.MlpNorm);
        Add.Forward(pass.Stream, y: dh, x: dh, residual: dy);
        Tensor dAttention = _attention.Backward(pass, _attentionDropout.Forward(pass, _isParallel ? dy : dh), saved.Attention);
        Tensor dx = _attentionNorm.Backward(pass, dAttention, saved.AttentionNorm);
        Add.Forward(pass.Stream, y: dx, x: dx, residual: dh);
        return dx;
    }
}
