using Camels.Engine.Layers;
using Camels.Engine.Parameters;
using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Models;

/// <summary>LLaMA and LLaMA-2 (Touvron et al. 2023): embedding, blocks, final norm, head; grouped queries, tied or untied embeddings.</summary>
public sealed class LlamaModel : ILanguageModel
{
    private readonly RopeTable _rope;
    private readonly EmbeddingLayer _embedding;
    private readonly Decoder<LlamaBlock, LlamaBlock.Saved> _decoder;
    private readonly RmsNormLayer _norm;
    private readonly Parameter _head;
    private readonly List<ParameterUnit> _units = [];

    /// <summary>A model with zeroed weights on <paramref name="device"/>.</summary>
    public LlamaModel(ModelConfig config, Precision precision, Device device)
    {
        Config = config;
        Precision = precision;
        _rope = new RopeTable(device.Stream, precision, config.MaximumPositions, config.HeadSize, config.RopeBase);

        ParameterUnit ends = NewUnit("embedding and head");
        Parameter embedding = ends.Add(LlamaTensors.Embedding, config.VocabularySize, config.HiddenSize);
        _embedding = new EmbeddingLayer(embedding);
        LlamaBlock[] blocks = new LlamaBlock[config.BlockCount];
        for (int l = 0; l < blocks.Length; l++)
        {
            blocks[l] = new LlamaBlock(config, NewUnit($"block {l}"), _rope, l);
        }

        _decoder = new Decoder<LlamaBlock, LlamaBlock.Saved>(blocks);
        _norm = new RmsNormLayer(ends.Add(LlamaTensors.FinalNorm, config.HiddenSize), (float)config.NormEpsilon);
        _head = config.TiedEmbeddings
            ? ends.AddTied(LlamaTensors.Head, embedding)
            : ends.Add(LlamaTensors.Head, config.VocabularySize, config.HiddenSize);
        foreach (ParameterUnit unit in _units)
        {
            unit.Allocate(device);
        }
    }

    /// <inheritdoc/>
    public ModelConfig Config { get; }

    /// <inheritdoc/>
    public Precision Precision { get; }

    /// <inheritdoc/>
    public IReadOnlyList<ParameterUnit> Units => _units;

    /// <inheritdoc/>
    public void ForwardBackward(Pass pass, Tensor losses)
    {
        TokenBatch batch = pass.Batch;
        Tensor x = _decoder.Forward(pass, _embedding.Forward(pass));
        Tensor normed = _norm.Forward(pass, x, out RmsNormLayer.Saved saved);
        pass.Observer?.Invoke(Pass.HiddenName(Config.BlockCount), normed);

        Tensor dx = pass.NewLike(normed);
        long mark = pass.Arena.Mark();
        LossHead.ForwardBackward(
            pass.Stream, losses: losses, dx: dx, dWeightSum: _head.Gradient, x: normed, weight: _head.Weight,
            trainedRows: batch.TrainedRows, labels: batch.Labels, scales: batch.Scales, trainedLaneBounds: batch.TrainedLaneBounds,
            workspace: NewLossWorkspace(pass));
        pass.Arena.Rewind(mark);

        dx = _norm.Backward(pass, dx, in saved);
        _decoder.Backward(pass, dx);
        _embedding.Backward(pass, dx);
    }

    /// <inheritdoc/>
    public void Losses(Pass pass, Tensor losses)
    {
        Tensor hidden = Hidden(pass);
        LossHead.Forward(
            pass.Stream, losses: losses, x: hidden, weight: _head.Weight, trainedRows: pass.Batch.TrainedRows, labels: pass.Batch.Labels,
            workspace: NewLossWorkspace(pass));
    }

    /// <inheritdoc/>
    public Tensor Hidden(Pass pass)
    {
        Tensor x = _embedding.Forward(pass);
        _decoder.ForwardOnly(pass, x);
        Tensor hidden = _norm.Forward(pass, x, out _);
        pass.Observer?.Invoke(Pass.HiddenName(Config.BlockCount), hidden);
        return hidden;
    }

    /// <inheritdoc/>
    public void Logits(Pass pass, Tensor logits, Tensor hidden) => MatMul.Forward(pass.Stream, y: logits, x: hidden, weight: _head.Weight);

    /// <inheritdoc/>
    public void Dispose()
    {
        _rope.Dispose();
        foreach (ParameterUnit unit in _units)
        {
            unit.Dispose();
        }
    }

    private Tensor NewLossWorkspace(Pass pass) => pass.NewStatistic(checked((int)LossHead.WorkspaceElements(
        pass.Batch.TrainedTokens, Config.HiddenSize, Config.VocabularySize)));

    private ParameterUnit NewUnit(string name)
    {
        ParameterUnit unit = new(name, Precision);
        _units.Add(unit);
        return unit;
    }
}
