using System.Globalization;
using Camels.Engine.Layers;
using Camels.Engine.Parameters;
using Camels.Kernels;

namespace Camels.Engine.Models;

/// <summary>
/// A decoder from tokens to losses: embedding, blocks, last norm and projection where the family has them, head. A family is what it puts in.
/// </summary>
/// <typeparam name="TBlock">The family's block.</typeparam>
/// <typeparam name="TSaved">What the block's backward needs again.</typeparam>
public sealed class LanguageModel<TBlock, TSaved> : ILanguageModel
    where TBlock : IBlock<TSaved>
{
    private readonly EmbeddingLayer _embedding;
    private readonly Decoder<TBlock, TSaved> _decoder;
    private readonly INormLayer? _norm;
    private readonly LinearLayer? _projection;
    private readonly HeadLayer _head;
    private readonly RopeTable? _rope;
    private readonly ParameterUnit? _headUnit;

    /// <summary>Allocates the units on <paramref name="device"/>, zeroed. Owns units and table.</summary>
    /// <param name="config">Sizes and settings.</param>
    /// <param name="precision">Type of weights and activations.</param>
    /// <param name="device">Where it lies.</param>
    /// <param name="units">The embedding's weights with all that share one with it, each block's, and the rest of the head's where it shares none.</param>
    /// <param name="embedding">Tokens to (N, C).</param>
    /// <param name="blocks">(N, C) to (N, C).</param>
    /// <param name="norm">After the last block, or null.</param>
    /// <param name="projection">From C to E channels after the norm, or null.</param>
    /// <param name="head">(N, E) to losses.</param>
    /// <param name="rope">The blocks' table of rotations, or null.</param>
    /// <exception cref="InsufficientMemoryException">The device has not so much.</exception>
    public LanguageModel(
        ModelConfig config, Precision precision, Device device, IReadOnlyList<ParameterUnit> units, EmbeddingLayer embedding, TBlock[] blocks,
        INormLayer? norm, LinearLayer? projection, HeadLayer head, RopeTable? rope)
    {
        Config = config;
        Precision = precision;
        Units = units;
        _embedding = embedding;
        _decoder = new Decoder<TBlock, TSaved>(blocks, [.. units.Skip(1).Take(blocks.Length)]);
        _headUnit = units.Count > blocks.Length + 1 ? units[^1] : null;
        _norm = norm;
        _projection = projection;
        _head = head;
        _rope = rope;
        TrainedParameters.Select(units, config.Trained);
        foreach (ParameterUnit unit in units)
        {
            unit.Allocate(device);
        }

        // A host lends more than it has, and ends the program when it is used.
        long bytes = units.Sum(unit => unit.Bytes) + TableBytes;
        if (device.IsHost && bytes > device.FreeBytes)
        {
            Dispose();
            throw new InsufficientMemoryException(string.Create(
                CultureInfo.InvariantCulture,
                $"the weights take {(bytes - TableBytes) / 1e9:F2} GB in {precision.Name} and the rotations of {config.MaximumPositions:N0} positions {TableBytes / 1e9:F2}, "
                + $"{device.Name} has {device.FreeBytes / 1e9:F2} GB"));
        }

        rope?.Fill(device.Stream);
    }

    /// <inheritdoc/>
    public ModelConfig Config { get; }

    /// <inheritdoc/>
    public Precision Precision { get; }

    /// <inheritdoc/>
    public IReadOnlyList<ParameterUnit> Units { get; }

    /// <inheritdoc/>
    public long TableBytes => _rope?.Bytes ?? 0;

    /// <inheritdoc/>
    public int PredictedTokens
    {
        get => _head.Vocabulary;
        set => _head.Vocabulary = Math.Min(value, Config.VocabularySize);
    }

    /// <inheritdoc/>
    public void ForwardBackward(Pass pass, Tensor losses)
    {
        Tensor x = _decoder.Forward(pass, _embedding.Forward(pass, out Tensor tokens));
        Tensor last = Finish(pass, x, out NormSaved norm, out Tensor normed);
        Tensor dx = _head.ForwardBackward(pass, last, losses);
        if (_projection is not null)
        {
            dx = _projection.Backward(pass, dx, normed);
        }

        if (_norm is not null)
        {
            dx = _norm.Backward(pass, dx, in norm);
        }

        if (_headUnit is not null)
        {
            pass.GradientsDone?.Invoke(_headUnit);
        }

        _decoder.Backward(pass, dx);
        _embedding.Backward(pass, dx, tokens);
        pass.GradientsDone?.Invoke(Units[0]);
    }

    /// <inheritdoc/>
    public void Losses(Pass pass, Tensor losses) => _head.Losses(pass, Hidden(pass), losses);

    /// <inheritdoc/>
    public Tensor Hidden(Pass pass)
    {
        Tensor x = _embedding.Forward(pass, out _);
        _decoder.ForwardOnly(pass, x);
        return Finish(pass, x, out _, out _);
    }

    /// <inheritdoc/>
    public void Logits(Pass pass, Tensor logits, Tensor hidden) => _head.Logits(pass, logits, hidden);

    /// <inheritdoc/>
    public void Dispose()
    {
        _rope?.Dispose();
        foreach (ParameterUnit unit in Units)
        {
            unit.Dispose();
        }
    }

    // The head's input (N, E) from the last block's output (N, C).
    private Tensor Finish(Pass pass, Tensor x, out NormSaved norm, out Tensor normed)
    {
        norm = default;
        normed = _norm is null ? x : _norm.Forward(pass, x, out norm);
        Tensor last = _projection is null ? normed : _projection.Forward(pass, normed);
        pass.Observer?.Invoke(Pass.HiddenName(Config.BlockCount), last);
        return last;
    }
}
