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
        string prefix = LlamaTensors.BlockPrefix(index);
        int width = config.HiddenSize;
        int queryWidth = config.HeadCount * config.HeadSize;
        int keyValueWidth = config.KeyValueHeadCount * config.HeadSize;
        float eps = (float)config.NormEpsilon;
        LinearLayer Linear(string name, int outputs, int inputs) => new(unit.Add($"{prefix}{name}.weight", outputs, inputs));

        _attentionNorm = new RmsNormLayer(unit.Add(prefix + "input_layernorm.weight", width), eps);
        _attention = new AttentionLayer(
            query: Linear("self_attn.q_proj", queryWidth, width), key: Linear("self_attn.k_proj", keyValueWidth, width),
            value: Linear("self_attn.v_proj", keyValueWidth, width), output: Linear("self_attn.o_proj", width, queryWidth),
            rope, config.HeadSize, block: index);
        _mlpNorm = new RmsNormLayer(unit.Add(prefix + "post_attention_layernorm.weight", width), eps);
        _mlp = new SwiGluMlpLayer(
            gate: Linear("mlp.gate_proj", config.IntermediateSize, width), up: Linear("mlp.up_proj", config.IntermediateSize, width),
            down: Linear("mlp.down_proj", width, config.IntermediateSize));
    }

    /// <summary>What the four layers need again.</summary>
    public readonly record struct Saved(
        RmsNormLayer.Saved AttentionNorm, AttentionLayer.Saved Attention, RmsNormLayer.Saved MlpNorm, SwiGluMlpLayer.Saved Mlp);

    /// <inheritdoc/>
    public Tensor Forward(Pass pass, Tensor x, out Saved saved)
    {
        Tensor h = _attention.Forward(pass, _attentionNorm.Forward(pass, x, out RmsNormLayer.Saved attentionNorm), out AttentionLayer.Saved attention);
        Add.Forward(pass.Stream, y: h, x: h, residual: x);
        Tensor y = _mlp.Forward(pass, _mlpNorm.Forward(pass, h, out RmsNormLayer.Saved mlpNorm), out SwiGluMlpLayer.Saved mlp);
        Add.Forward(pass.Stream, y: y, x: y, residual: h);
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
