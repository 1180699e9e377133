using Camels.Engine.Parameters;
using Camels.Kernels;

namespace Camels.Engine.Layers;

/// <summary>
/// One forward and backward: the stream it runs on, the memory it may use, the tokens it is about. Layers take their intermediate tensors
/// from it; the decoder gives them back block by block.
/// </summary>
/// <param name="stream">Where operators run.</param>
/// <param name="arena">Lends the pass its memory.</param>
/// <param name="precision">Type of activations.</param>
/// <param name="batch">The tokens.</param>
public sealed class Pass(DeviceStream stream, Arena arena, Precision precision, TokenBatch batch)
{
    /// <summary>Where operators run.</summary>
    public DeviceStream Stream { get; } = stream;

    /// <summary>Lends the pass its memory.</summary>
    public Arena Arena { get; } = arena;

    /// <summary>Type of activations.</summary>
    public Precision Precision { get; } = precision;

    /// <summary>The tokens.</summary>
    public TokenBatch Batch { get; } = batch;

    /// <summary>The key/value cache that attention reads and extends, or null where the pass holds whole documents.</summary>
    public KvCache? Cache { get; init; }

    /// <summary>
    /// True where the backward computes each block's activations again instead of keeping them: the same bits from a fraction of the memory,
    /// for a third more work.
    /// </summary>
    public bool Recompute { get; init; }

    /// <summary>
    /// Sees named activations as they are made: "hidden.0" … (the input of block 0, its output, …, the last after the final norm) and
    /// "embedding.gradient". For verification and tests.
    /// </summary>
    public Action<string, Tensor>? Observer { get; init; }

    /// <summary>
    /// Is told each unit, in the order of the backward, as soon as nothing will be added to its gradients and nothing will read its weights
    /// any more in this pass; null where gradients are used when all are there.
    /// </summary>
    public Action<ParameterUnit>? GradientsDone { get; init; }

    /// <summary>The observer's name of the hidden state before block <paramref name="block"/>.</summary>
    public static string HiddenName(int block) => FormattableString.Invariant($"hidden.{block}");

    /// <summary>What decides, with a token's key, which elements dropout leaves out; null where it leaves out none: everywhere but in training.</summary>
    public ulong? DropoutSeed { get; set; }

    /// <summary>The gradient that a layer adds to; for a frozen vector, whose gradient its operator forms all the same, memory that nobody reads.</summary>
    public Tensor GradientOf(Parameter vector) => vector.IsTrained ? vector.Gradient : NewStatistic(vector.Extents[0]);

    /// <summary>An uninitialised activation.</summary>
    public Tensor New(params ReadOnlySpan<int> extents) => Arena.New(Precision.Compute, extents);

    /// <summary>An uninitialised statistic.</summary>
    public Tensor NewStatistic(params ReadOnlySpan<int> extents) => Arena.New(Precision.Wide, extents);

    /// <summary>An uninitialised matrix of the type and extents of <paramref name="tensor"/>.</summary>
    public Tensor NewLike(Tensor tensor) => Arena.New(tensor.DType, tensor.Shape[0], tensor.Shape[1]);
}
