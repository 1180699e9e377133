using Camels.Engine.Parameters;
using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Training;

/// <summary>
/// Gradient norm, clipping and the steps of AdamW (Loshchilov and Hutter 2019) or SGD over all parameters. Sums run over fixed blocks of each logical tensor, in
/// parameter order, so that the result does not depend on how parameters are spread.
/// </summary>
public sealed class Optimizer : IDisposable
{
    /// <summary>Beside the norm, so that clipping never divides by zero: PyTorch's constant.</summary>
    private const double ClipEpsilon = 1e-6;

    private readonly DeviceStream _stream;
    private readonly Parameter[] _parameters;
    private readonly Parameter[] _tied;
    private readonly Dictionary<Parameter, int> _places = [];
    private readonly int[] _firstBlocks;
    private readonly bool[] _decays;
    private readonly DeviceMemory _memory;
    private readonly DType _wide;
    private readonly DeviceMemory? _narrowWorkspace;
    private readonly float[] _blockSums;
    private readonly double[] _wideBlockSums;

    /// <param name="stream">Where it runs.</param>
    /// <param name="parameters">All parameters of the model, tied ones included.</param>
    /// <param name="settings">The recipe's settings.</param>
    /// <param name="decays">Which parameters decay.</param>
    public Optimizer(DeviceStream stream, IEnumerable<Parameter> parameters, TrainingRecipe settings, Func<Parameter, bool> decays)
    {
        _stream = stream;
        Settings = settings;
        Parameter[] all = [.. parameters.Where(p => p.IsTrained)];
        _tied = [.. all.Where(p => p.TiedTo is not null)];
        _parameters = [.. all.Where(p => p.TiedTo is null)];
        _decays = [.. _parameters.Select(decays)];
        _wide = _parameters[0].Master.DType;
        _firstBlocks = new int[_parameters.Length + 1];
        for (int i = 0; i < _parameters.Length; i++)
        {
            _places.Add(_parameters[i], i);
            _firstBlocks[i + 1] = checked(_firstBlocks[i] + SumOfSquares.Blocks(_parameters[i].Elements));
        }

        int blocks = _firstBlocks[^1];
        _blockSums = new float[_wide == DType.F64 ? 0 : blocks];
        _wideBlockSums = new double[_wide == DType.F64 ? blocks : 0];
        _narrowWorkspace = settings.Adam.Moments == MomentStorage.Wide || settings.Optimizer == OptimizerKind.Sgd
            ? null
            : DeviceMemory.Allocate(stream.Device, (long)AdamW.NarrowWorkspaceElements(stream.Device) * DType.F32.Bytes());
        _memory = DeviceMemory.Allocate(stream.Device, (long)blocks * _wide.Bytes());
    }

    /// <summary>Learning rate excepted, what the update uses.</summary>
    public TrainingRecipe Settings { get; }

    /// <summary>The parameters that are stepped, each once.</summary>
    public IReadOnlyList<Parameter> Parameters => _parameters;

    /// <summary>Which parameters decay by default: all, or the matrices alone.</summary>
    public static Func<Parameter, bool> DecaysBy(WeightDecayOn rule) => parameter => rule == WeightDecayOn.All || parameter.IsMatrix;

    /// <summary>Which parameters open-instruct of 2023 decayed: all but biases and norms named as OPT names them, so LLaMA's norms too.</summary>
    public static bool DecaysIn2023(Parameter parameter) =>
        !parameter.Name.Contains("bias", StringComparison.Ordinal) && !parameter.Name.Contains("layer_norm.weight", StringComparison.Ordinal);

    /// <summary>Adds each tied use's gradient to its weight's own and empties it.</summary>
    public void FoldTied()
    {
        foreach (Parameter tied in _tied)
        {
            Fold(tied);
        }
    }

    /// <summary>The same in one unit.</summary>
    public void FoldTied(ParameterUnit unit)
    {
        for (int i = 0; i < unit.Parameters.Count; i++)
        {
            if (unit.Parameters[i] is { TiedTo: not null, IsTrained: true })
            {
                Fold(unit.Parameters[i]);
            }
        }
    }

    /// <summary>The L2 norm of all gradients together; not finite where any element is not.</summary>
    public double GradientNorm()
    {
        for (int i = 0; i < _parameters.Length; i++)
        {
            Measure(i);
        }

        return MeasuredNorm();
    }

    /// <summary>Notes the squares of a unit's gradients for <see cref="MeasuredNorm"/>.</summary>
    public void Measure(ParameterUnit unit)
    {
        for (int i = 0; i < unit.Parameters.Count; i++)
        {
            if (_places.TryGetValue(unit.Parameters[i], out int place))
            {
                Measure(place);
            }
        }
    }

    /// <summary>The L2 norm of what every parameter was last measured at.</summary>
    public double MeasuredNorm()
    {
        // All launches came first, one copy now: the host waits for the device once.
        ReadBlockSums(BlockSums(first: 0, _firstBlocks[^1]));
        double sum = 0;
        for (int i = 0; i < _parameters.Length; i++)
        {
            double ofParameter = 0;
            for (int block = _firstBlocks[i]; block < _firstBlocks[i + 1]; block++)
            {
                ofParameter += _wide == DType.F64 ? _wideBlockSums[block] : _blockSums[block];
            }

            sum += ofParameter;
        }

        return Math.Sqrt(sum);
    }

    /// <summary>The factor that brings a gradient of this norm down to the recipe's limit: min(1, limit / (norm + 1e-6)).</summary>
    public double ClipFactor(double norm) => Settings.ClipNorm > 0 ? Math.Min(1, Settings.ClipNorm / (norm + ClipEpsilon)) : 1;

    /// <summary>Steps every parameter and empties its gradient.</summary>
    /// <param name="step">Number of the update, from 1: the exponent of the bias corrections.</param>
    /// <param name="learningRate">Of this step.</param>
    /// <param name="gradientScale">Multiplies every gradient first.</param>
    public void Update(long step, double learningRate, double gradientScale)
    {
        for (int i = 0; i < _parameters.Length; i++)
        {
            Update(i, step, learningRate, gradientScale);
        }
    }

    /// <summary>The same for one unit.</summary>
    public void Update(ParameterUnit unit, long step, double learningRate, double gradientScale)
    {
        for (int i = 0; i < unit.Parameters.Count; i++)
        {
            if (_places.TryGetValue(unit.Parameters[i], out int place))
            {
                Update(place, step, learningRate, gradientScale);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _narrowWorkspace?.Dispose();
        _memory.Dispose();
    }

    private void Fold(Parameter tied)
    {
        Tensor whole = tied.TiedTo!.Gradient;
        Add.Forward(_stream, y: whole, x: whole, residual: tied.Gradient);
        HostTransfer.Zero(_stream, tied.Gradient);
    }

    private void Measure(int place) => SumOfSquares.Forward(
        _stream, blockSums: BlockSums(_firstBlocks[place], _firstBlocks[place + 1] - _firstBlocks[place]), x: _parameters[place].Gradient);

    private void Update(int place, long step, double learningRate, double gradientScale)
    {
        Parameter parameter = _parameters[place];
        double weightDecay = _decays[place] ? Settings.WeightDecay : 0;
        if (Settings.Optimizer == OptimizerKind.Sgd)
        {
            Sgd.Update(_stream, weight: parameter.Weight, master: parameter.Master, gradient: parameter.Gradient, new SgdSettings
            {
                LearningRate = learningRate,
                WeightDecay = weightDecay,
                GradientScale = gradientScale,
                GradientLimit = Settings.ClipValue > 0 ? Settings.ClipValue : double.PositiveInfinity,
            });
            return;
        }

        AdamWSettings settings = new()
        {
            LearningRate = learningRate,
            Beta1 = Settings.Adam.Beta1,
            Beta2 = Settings.Adam.Beta2,
            Epsilon = Settings.Adam.Epsilon,
            WeightDecay = weightDecay,
            GradientScale = gradientScale,
            Step = checked((int)step),
        };
        if (_narrowWorkspace is not null)
        {
            UpdateNarrow(parameter, in settings);
            return;
        }

        AdamW.Update(
            _stream, weight: parameter.Weight, master: parameter.Master, firstMoment: parameter.FirstMoment,
            secondMoment: parameter.SecondMoment, gradient: parameter.Gradient, in settings);
    }

    private void UpdateNarrow(Parameter parameter, in AdamWSettings settings) => AdamW.UpdateNarrow(
        _stream, weight: parameter.Weight, master: parameter.Master,
        new NarrowMoments(parameter.FirstMoment, parameter.SecondMoment, parameter.FirstMomentScales, parameter.SecondMomentScales),
        gradient: parameter.Gradient, workspace: _narrowWorkspace!.View(offsetBytes: 0, DType.F32, AdamW.NarrowWorkspaceElements(_stream.Device)),
        seed: (uint)RandomBits.At((ulong)Settings.Seed, RandomBits.StreamOf(parameter.Name), (ulong)settings.Step), in settings);

    private Tensor BlockSums(int first, int blocks) => _memory.View((long)first * _wide.Bytes(), _wide, blocks);

    private void ReadBlockSums(Tensor blockSums)
    {
        if (_wide == DType.F64)
        {
            HostTransfer.ToHost<double>(_stream, blockSums, _wideBlockSums);
        }
        else
        {
            HostTransfer.ToHost<float>(_stream, blockSums, _blockSums);
        }
    }
}
