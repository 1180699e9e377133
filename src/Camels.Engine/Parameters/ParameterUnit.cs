using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Parameters;

/// <summary>
/// The weights of one part of a model (a block, the embedding with its tied head, …) as one slab each of weights, masters, gradients and
/// moments. What is loaded, sharded, gathered and stepped together is a unit.
/// </summary>
public sealed class ParameterUnit(string name, Precision precision) : IDisposable
{
    private const long AlignmentElements = DeviceMemory.AlignmentBytes / 2;   // aligned in every element type

    private readonly List<Parameter> _parameters = [];
    private readonly List<DeviceMemory> _memory = [];
    private Tensor[] _gradientLevels = [];
    private Device? _device;
    private long _weightElements;

    /// <summary>What the unit is called in plans and messages.</summary>
    public string Name { get; } = name;

    /// <summary>The adapters of the unit's linear layers, or null.</summary>
    public AdapterSettings? Adapter { get; init; }

    /// <summary>The parameters in declaration order, tied ones included.</summary>
    public IReadOnlyList<Parameter> Parameters => _parameters;

    /// <summary>Bytes allocated for the unit on its device.</summary>
    public long Bytes => _memory.Sum(m => m.Bytes);

    /// <summary>Elements of one slab of the unit's gradients.</summary>
    public long GradientElements => _parameters.Where(p => p.IsTrained).Sum(p => Aligned(p.Elements));

    /// <summary>Bytes of the weights, in the compute type or in NF4.</summary>
    public long WeightBytes { get; private set; }

    /// <summary>Bytes of the masters that are kept beside the weights.</summary>
    public long MasterBytes { get; private set; }

    /// <summary>Bytes of the optimizer's moments with their scales.</summary>
    public long MomentBytes { get; private set; }

    /// <summary>Bytes of the gradient slabs that are the unit's own.</summary>
    public long GradientBytes { get; private set; }

    /// <summary>The stream of the device that the unit is allocated on.</summary>
    public DeviceStream Stream => _device!.Stream;

    /// <summary>Declares a weight of <paramref name="extents"/>.</summary>
    public Parameter Add(string name, params int[] extents) =>
        Declare(new Parameter(name, extents, tiedTo: null) { WeightOffset = _weightElements });

    /// <summary>Declares a matrix of an adapter.</summary>
    public Parameter AddAdapter(string name, params int[] extents) =>
        Declare(new Parameter(name, extents, tiedTo: null) { WeightOffset = _weightElements, IsAdapter = true });

    /// <summary>Declares a matrix that is kept in NF4.</summary>
    public Parameter AddQuantized(string name, params int[] extents)
    {
        Parameter parameter = new(name, extents, tiedTo: null) { IsQuantized = true, IsTrained = false };
        _parameters.Add(parameter);
        return parameter;
    }

    /// <summary>Declares another use of <paramref name="parameter"/>: one weight, two gradients that are summed after the backward.</summary>
    public Parameter AddTied(string name, Parameter parameter)
    {
        Parameter tied = new(name, [.. parameter.Extents], parameter);
        _parameters.Add(tied);
        return tied;
    }

    /// <summary>Allocates the weights, zeroed.</summary>
    public void Allocate(Device device)
    {
        _device = device;
        DeviceMemory weights = Take(_weightElements, precision.Compute);
        foreach (Parameter parameter in _parameters)
        {
            if (parameter.IsQuantized)
            {
                parameter.Codes = QuantizedWeight.Allocate(Take, parameter.Elements, precision.Wide);
                continue;
            }

            parameter.Weight = View(weights, (parameter.TiedTo ?? parameter).WeightOffset, precision.Compute, parameter);
            parameter.Master = parameter.Weight;
        }

        WeightBytes = Bytes;
    }

    /// <summary>
    /// Allocates what training the parameters that are trained needs, zeroed: masters, moments, gradients, and
    /// <paramref name="gradientLevels"/> further gradient slabs for summing calls of a part of the lanes. Moments are kept as
    /// <paramref name="moments"/> says. Units whose gradients never exist at the same time may be given one slab,
    /// <paramref name="sharedGradients"/>.
    /// </summary>
    public void AllocateTraining(int gradientLevels, MomentStorage moments = MomentStorage.Wide, DeviceMemory? sharedGradients = null)
    {
        long stateElements = PlaceTrained();
        DeviceMemory? masters = precision.HasMasters ? Take(stateElements, precision.Wide) : null;
        MasterBytes = Bytes - WeightBytes;
        if (moments != MomentStorage.None)
        {
            AllocateMoments(stateElements, moments);
            MomentBytes = Bytes - WeightBytes - MasterBytes;
        }

        foreach (Parameter parameter in _parameters.Where(p => p.IsTrained && p.TiedTo is null))
        {
            parameter.Master = masters is null ? parameter.Weight : View(masters, parameter.StateOffset, precision.Wide, parameter);
        }

        _gradientLevels = new Tensor[1 + gradientLevels];
        for (int level = 0; level < _gradientLevels.Length; level++)
        {
            DeviceMemory gradients = sharedGradients ?? Take(GradientElements, precision.Wide);
            _gradientLevels[level] = gradients.View(offsetBytes: 0, precision.Wide, checked((int)(GradientElements / AlignmentElements)), (int)AlignmentElements);
            GradientBytes += sharedGradients is null ? gradients.Bytes : 0;
        }

        UseGradients(level: 0);
    }

    /// <summary>A whole gradient slab: level 0 is the optimizer step's sum.</summary>
    public Tensor Gradients(int level) => _gradientLevels[level];

    /// <summary>Makes layers add to the gradients of <paramref name="level"/>.</summary>
    public void UseGradients(int level)
    {
        Tensor slab = _gradientLevels[level];
        int wideBytes = precision.Wide.Bytes();
        foreach (Parameter parameter in _parameters)
        {
            if (parameter.IsTrained)
            {
                parameter.Gradient = new Tensor(
                    slab.Address + (nint)(parameter.GradientOffset * wideBytes), precision.Wide, parameter.Weight.Shape);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (DeviceMemory memory in _memory)
        {
            memory.Dispose();
        }
    }

    private static long Aligned(long elements) => (elements + AlignmentElements - 1) / AlignmentElements * AlignmentElements;

    private static Tensor View(DeviceMemory memory, long offset, DType dtype, Parameter parameter) =>
        memory.View(offset * dtype.Bytes(), dtype, [.. parameter.Extents]);

    private Parameter Declare(Parameter parameter)
    {
        _weightElements += Aligned(parameter.Elements);
        _parameters.Add(parameter);
        return parameter;
    }

    private long PlaceTrained()
    {
        long stateElements = 0;
        long gradientElements = 0;
        foreach (Parameter parameter in _parameters.Where(p => p.IsTrained))
        {
            parameter.GradientOffset = gradientElements;
            gradientElements += Aligned(parameter.Elements);
            parameter.StateOffset = stateElements;
            stateElements += parameter.TiedTo is null ? Aligned(parameter.Elements) : 0;
        }

        return stateElements;
    }

    private void AllocateMoments(long stateElements, MomentStorage moments)
    {
        DType dtype = moments switch
        {
            MomentStorage.Bf16 => DType.BF16,
            MomentStorage.EightBit => DType.U8,
            _ => precision.Wide,
        };
        Parameter[] stepped = [.. _parameters.Where(p => p.IsTrained && p.TiedTo is null)];
        DeviceMemory first = Take(stateElements, dtype);
        DeviceMemory second = Take(stateElements, dtype);
        foreach (Parameter parameter in stepped)
        {
            parameter.FirstMoment = View(first, parameter.StateOffset, dtype, parameter);
            parameter.SecondMoment = View(second, parameter.StateOffset, dtype, parameter);
        }

        if (moments != MomentStorage.EightBit)
        {
            return;
        }

        int blocks = stepped.Sum(p => BlockCodes.Blocks(p.Elements));
        DeviceMemory scales = Take(2L * blocks, precision.Wide);
        long offset = 0;
        foreach (Parameter parameter in stepped)
        {
            int ofParameter = BlockCodes.Blocks(parameter.Elements);
            parameter.FirstMomentScales = scales.View(offset * precision.Wide.Bytes(), precision.Wide, ofParameter);
            parameter.SecondMomentScales = scales.View((offset + blocks) * precision.Wide.Bytes(), precision.Wide, ofParameter);
            offset += ofParameter;
        }
    }

    private DeviceMemory Take(long elements, DType dtype)
    {
        DeviceMemory memory = DeviceMemory.Allocate(_device!, elements * dtype.Bytes());
        _memory.Add(memory);
        return memory;
    }
}
