using Camels.Kernels;

namespace Camels.Testing;

/// <summary>What a tensor is to an operator, which decides its type, its initial contents and what is compared.</summary>
public enum OpRole
{
    /// <summary>Random numbers of the case's type; a gradient may be checked for it.</summary>
    Input,

    /// <summary>Integers given by the case.</summary>
    Indices,

    /// <summary>Written by the forward; starts as NaN; compared.</summary>
    Output,

    /// <summary>Written by the forward in the statistics' type (F32, F64 beside F64); starts as NaN; compared.</summary>
    Statistic,

    /// <summary>The gradient that arrives at an output: random numbers.</summary>
    Upstream,

    /// <summary>The gradient of an input, written by the backward; starts as NaN; compared.</summary>
    Gradient,

    /// <summary>The gradient of a weight, added to by the backward, in the statistics' type; starts as random numbers; compared.</summary>
    GradientSum,

    /// <summary>Updated in place, in the statistics' type: starts as random numbers; compared.</summary>
    State,

    /// <summary>Memory the operator needs and nobody reads; starts as NaN.</summary>
    Workspace,
}

/// <summary>One tensor of a case. <c>Of</c> names the input whose gradient this is, or the output that this gradient arrives at.</summary>
public sealed record OpTensor(string Name, OpRole Role, int[] Extents, string? Of, Func<Random, double>? Values, int[]? Integers, DType? DType);

/// <summary>
/// One operator at one size, written once and used three times: all devices agree, finite differences agree with the backward, and the same
/// shapes are timed.
/// </summary>
public sealed class OpCase
{
    private readonly List<OpTensor> _tensors = [];
    private readonly List<(string Output, string Input)> _inPlace = [];

    private OpCase(string op, string size)
    {
        Op = op;
        Size = size;
    }

    /// <summary>The operator's name: its folder.</summary>
    public string Op { get; }

    /// <summary>The size, as people write it.</summary>
    public string Size { get; }

    /// <summary>Declared tensors in order.</summary>
    public IReadOnlyList<OpTensor> Tensors => _tensors;

    /// <summary>Outputs that may be the very memory of an input.</summary>
    public IReadOnlyList<(string Output, string Input)> InPlace => _inPlace;

    /// <summary>Runs the forward.</summary>
    public Action<OpRun>? Forward { get; private set; }

    /// <summary>Runs the backward, after the forward of the same run.</summary>
    public Action<OpRun>? Backward { get; private set; }

    /// <summary>False where a finite step would cross a kink or the operator is no function of its inputs alone.</summary>
    public bool HasFiniteDifferences { get; private set; } = true;

    /// <summary>Floating-point operations of forward and backward together, 0 where bytes are what counts.</summary>
    public double Flops { get; private set; }

    public static OpCase Of(string op, string size) => new(op, size);

    /// <summary>A random input; <paramref name="values"/> draws one element (default: normal, mean 0, deviation 1).</summary>
    public OpCase Input(string name, int[] extents, Func<Random, double>? values = null) =>
        Add(new OpTensor(name, OpRole.Input, extents, Of: null, values, Integers: null, DType: null));

    /// <summary>An input in the statistics' type, as masters and moments are.</summary>
    public OpCase WideInput(string name, int[] extents, Func<Random, double>? values = null) =>
        Add(new OpTensor(name, OpRole.Input, extents, Of: null, values, Integers: null, DType.F32));

    public OpCase Indices(string name, int[] integers, params int[] extents) =>
        Add(new OpTensor(name, OpRole.Indices, extents.Length == 0 ? [integers.Length] : extents, Of: null, Values: null, integers, DType: null));

    public OpCase Output(string name, params int[] extents) =>
        Add(new OpTensor(name, OpRole.Output, extents, Of: null, Values: null, Integers: null, DType: null));

    public OpCase Statistic(string name, params int[] extents) =>
        Add(new OpTensor(name, OpRole.Statistic, extents, Of: null, Values: null, Integers: null, DType: null));

    /// <summary>Declares the gradient that arrives at output <paramref name="of"/>, of its extents.</summary>
    public OpCase Upstream(string name, string of) =>
        Add(new OpTensor(name, OpRole.Upstream, Find(of).Extents, of, Values: null, Integers: null, DType: null));

    /// <summary>Declares the gradient of input <paramref name="of"/>, of its extents.</summary>
    public OpCase Gradient(string name, string of) =>
        Add(new OpTensor(name, OpRole.Gradient, Find(of).Extents, of, Values: null, Integers: null, DType: null));

    /// <summary>Declares the accumulated gradient of weight <paramref name="of"/>, of its extents.</summary>
    public OpCase GradientSum(string name, string of) =>
        Add(new OpTensor(name, OpRole.GradientSum, Find(of).Extents, of, Values: null, Integers: null, DType: null));

    /// <summary>What the forward updates in place, as moments are; <paramref name="values"/> draws one element.</summary>
    public OpCase State(string name, int[] extents, Func<Random, double>? values = null) =>
        Add(new OpTensor(name, OpRole.State, extents, Of: null, values, Integers: null, DType: null));

    public OpCase Workspace(string name, DType dtype, params int[] extents) =>
        Add(new OpTensor(name, OpRole.Workspace, extents, Of: null, Values: null, Integers: null, dtype));

    /// <summary>Permits <paramref name="output"/> to be the same memory as <paramref name="input"/>.</summary>
    public OpCase MayBe(string output, string input)
    {
        _inPlace.Add((output, input));
        return this;
    }

    public OpCase OnForward(Action<OpRun> forward)
    {
        Forward = forward;
        return this;
    }

    public OpCase OnBackward(Action<OpRun> backward)
    {
        Backward = backward;
        return this;
    }

    public OpCase WithoutFiniteDifferences()
    {
        HasFiniteDifferences = false;
        return this;
    }

    public OpCase CountingFlops(double flops)
    {
        Flops = flops;
        return this;
    }

    public OpTensor Find(string name) => _tensors.Single(t => t.Name == name);

    public override string ToString() => $"{Op} {Size}";

    private OpCase Add(OpTensor tensor)
    {
        _tensors.Add(tensor);
        return this;
    }
}
