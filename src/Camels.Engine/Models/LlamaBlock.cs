using Camels.Engine.Layers;
using Camels.Engine.Parameters;
using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Models;

/// <summary>y = h + mlp(norm(h)), h = x + attention(norm(x)).</summary>
public sealed class LlamaBlock : IBlock<LlamaBlock.Saved>
{
    private readonly RmsNormLayer _attentionNorm;
    private readonly AttentionLayer _attention;
    private readonly RmsNormLayer _mlpNorm;
    private readonly SwiGluMlpLayer _mlp;

    /// <summary>Declares block <paramref name="index"/>'s weights in <paramref name="unit"/>.</summary>
    public LlamaBlock(ModelConfig config, ParameterUnit unit, RopeTable rope, int index)
    {
        string prefix = FormattableString.Invariant($"model.layers.{index}.");
        int width = config.HiddenSize;
        int queryWidth = config.HeadCount * config.HeadSize;
        int keyValueWidth = config.KeyValueHeadCount * config.HeadSize;
        float eps = (float)config.NormEpsilon;
        LinearLayer Attention(string name, int outputs, int inputs, bool hasBias) =>
            LinearLayer.Declare(unit, $"{prefix}self_attn.{name}_proj", outputs, inputs, hasBias);
        LinearLayer Mlp(string name, int outputs, int inputs) => LinearLayer.Declare(unit, $"{prefix}mlp.{name}_proj", outputs, inputs, config.MlpBias);

        _attentionNorm = new RmsNormLayer(unit.Add(prefix + "input_layernorm.weight", width), eps);
        SeparateAttentionInput input = new(
            query: Attention("q", queryWidth, width, config.AttentionBias), key: Attention("k", keyValueWidth, width, config.AttentionBias),
            value: Attention("v", keyValueWidth, width, config.AttentionBias));
        _attention = new AttentionLayer(
            input, output: Attention("o", width, queryWidth, config.AttentionOutputBias), rope, config.HeadSize, block: index);
        _mlpNorm = new RmsNormLayer(unit.Add(prefix + "post_attention_layernorm.weight", width), eps);
        _mlp = new SwiGluMlpLayer(
            gate: Mlp("gate", config.IntermediateSize, width), up: Mlp("up", config.IntermediateSize, width),
            down: Mlp("down", width, config.IntermediateSize));
    }

    /// <summary>What the four layers need again.</summary>
    public readonly record struct Saved(
        NormSaved AttentionNorm, AttentionLayer.Saved Attention, NormSaved MlpNorm, SwiGluMlpLayer.Saved Mlp);

    /// <inheritdoc/>
    public Tensor Forward(Pass pass, Tensor x, out Saved saved)
    {
        Tensor h = _attention.Forward(
            pass, _attentionNorm.Forward(pass, x, out NormSaved attentionNorm), residual: x, out AttentionLayer.Saved attention);
        Tensor y = _mlp.Forward(pass, _mlpNorm.Forward(pass, h, out NormSaved mlpNorm), residual: h, out SwiGluMlpLayer.Saved mlp);
        saved = new Saved(attentionNorm, attention, mlpNorm, mlp);
        return y;
    }

    /// <inheritdoc/>
    public Tensor Backward(Pass pass, Tensor dy, in Saved saved)
    {
        Tensor dh = _mlpNorm.Backward(pass, _mlp.Backward(pass, dy, saved.Mlp), saved.MlpNorm);
        Add.Forward(pass.Stream, y: dh, x: dh, residual: dy);
        Tensor dx = _attentionNorm.Backward(pass, _attention.Backward(pass, dh, saved.Attention), saved.AttentionNorm);
        Add.Forward(pass.Stream, y: dx, x: dx, residual: dh);
        return dx;
    }
}
