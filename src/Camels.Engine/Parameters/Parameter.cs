using Camels.Kernels;

namespace Camels.Engine.Parameters;

/// <summary>
/// One named weight of a <see cref="ParameterUnit"/>: where it, its accumulated gradient and its optimizer state lie. A parameter that is
/// tied to another one shares its weight and has a gradient of its own, so that each use is summed in its own fixed order.
/// </summary>
public sealed class Parameter
{
    private bool _isTrained = true;

    internal Parameter(string name, int[] extents, Parameter? tiedTo)
    {
        Name = name;
        Extents = extents;
        TiedTo = tiedTo;
        Elements = new Shape(extents).Elements;
    }

    /// <summary>The name in Hugging Face checkpoints, as in "model.layers.0.self_attn.q_proj.weight".</summary>
    public string Name { get; }

    /// <summary>Extents, outermost first.</summary>
    public IReadOnlyList<int> Extents { get; }

    /// <summary>Number of elements.</summary>
    public long Elements { get; }

    /// <summary>The parameter whose weight this one uses, or null.</summary>
    public Parameter? TiedTo { get; }

    /// <summary>
    /// False for a frozen parameter: it has no gradient, no master and no moments. A tied use follows the weight that it shares.
    /// </summary>
    public bool IsTrained
    {
        get => TiedTo?.IsTrained ?? _isTrained;
        set => _isTrained = value;
    }

    /// <summary>True for a matrix of an adapter: no part of the model's own checkpoint.</summary>
    public bool IsAdapter { get; internal init; }

    /// <summary>True where the weight is kept in NF4: then <see cref="Codes"/> holds it and <see cref="Weight"/> is none.</summary>
    public bool IsQuantized { get; internal init; }

    /// <summary>The weight in NF4, where it is quantised.</summary>
    public QuantizedWeight Codes { get; internal set; }

    /// <summary>True for matrices: weight decay by default spares norms and biases, as the transformers Trainer groups them.</summary>
    public bool IsMatrix => Extents.Count > 1;

    /// <summary>The weight, in the compute type.</summary>
    public Tensor Weight { get; internal set; }

    /// <summary>The weight in the wide type; the same tensor as <see cref="Weight"/> where the compute type is wide.</summary>
    public Tensor Master { get; internal set; }

    /// <summary>The gradient summed so far, in the wide type.</summary>
    public Tensor Gradient { get; internal set; }

    /// <summary>AdamW's first moment, as <see cref="MomentStorage"/> says.</summary>
    public Tensor FirstMoment { get; internal set; }

    /// <summary>AdamW's second moment, as <see cref="MomentStorage"/> says.</summary>
    public Tensor SecondMoment { get; internal set; }

    /// <summary>The scale of each block of the first moment, where moments have 8 bits; none otherwise.</summary>
    public Tensor FirstMomentScales { get; internal set; }

    /// <summary>The scale of each block of the second moment, where moments have 8 bits; none otherwise.</summary>
    public Tensor SecondMomentScales { get; internal set; }

    /// <summary>Offset in the unit's slab of weights, in elements.</summary>
    internal long WeightOffset { get; init; }

    /// <summary>Offset in the unit's gradient slabs, in elements.</summary>
    internal long GradientOffset { get; set; }

    /// <summary>Offset in the unit's slabs of masters and moments, in elements.</summary>
    internal long StateOffset { get; set; }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} {Shape.Describe([.. Extents])}";
}
