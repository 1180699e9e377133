using Camels.Kernels;

namespace Camels.Testing;

/// <summary>One case laid out in the memory of one device, in one element type, with its inputs drawn from a fixed seed.</summary>
public sealed unsafe class OpRun : IDisposable
{
    /// <summary>Bytes behind every tensor that no operator may touch.</summary>
    private const int GuardBytes = 256;
    private const byte GuardByte = 0xA5;

    private readonly Dictionary<string, Tensor> _tensors = [];
    private readonly DeviceMemory _memory;

    // The same block on the host, where the device's memory is not.
    private readonly Device? _imageDevice;
    private readonly DeviceMemory? _image;
    private readonly List<Tensor> _guards = [];

    /// <param name="opCase">What to run.</param>
    /// <param name="device">Where.</param>
    /// <param name="dtype">The type of inputs and outputs.</param>
    /// <param name="valuesOf">Inputs are rounded to this type first, so that every device starts from the same numbers.</param>
    /// <param name="seed">Of the random inputs.</param>
    public OpRun(OpCase opCase, Device device, DType dtype, DType valuesOf, int seed = 1)
    {
        Case = opCase;
        Device = device;
        Stream = device.Stream;
        DType = dtype;
        long bytes = 0;
        foreach (OpTensor tensor in opCase.Tensors)
        {
            bytes += Aligned(new Shape(tensor.Extents).Elements * TypeOf(tensor).Bytes()) + GuardBytes;
        }

        _memory = DeviceMemory.Allocate(device, bytes);
        if (!device.IsHost)
        {
            _imageDevice = Device.OpenReference();
            _image = DeviceMemory.Allocate(_imageDevice, bytes);
        }

        long offset = 0;
        foreach (OpTensor tensor in opCase.Tensors)
        {
            Tensor view = _memory.View(offset, TypeOf(tensor), tensor.Extents);
            _tensors.Add(tensor.Name, view);

            // The guard starts at the very next byte, so that one element too far is seen.
            long guardBytes = Aligned(view.Bytes) + GuardBytes - view.Bytes;
            Tensor guard = new(view.Address + (nint)view.Bytes, DType.I32, new Shape((int)(guardBytes / 4)));
            new Span<byte>((void*)Place(guard).Address, (int)guardBytes).Fill(GuardByte);
            _guards.Add(guard);
            offset += view.Bytes + guardBytes;
            Fill(tensor, Place(view), valuesOf, new Random(HashCode(seed, tensor.Name)));
        }

        if (_image is not null)
        {
            HostTransfer.BytesToDevice(Stream, Whole, offsetBytes: 0, new ReadOnlySpan<byte>((void*)_image.Address, (int)bytes));
        }
    }

    public OpCase Case { get; }

    public Device Device { get; }

    /// <summary>The device's own stream, unless a test puts another there.</summary>
    public DeviceStream Stream { get; set; }

    public DType DType { get; }

    /// <summary>A tensor of the case; a test may put another in its place.</summary>
    public Tensor this[string name]
    {
        get => _tensors[name];
        set => _tensors[name] = value;
    }

    /// <summary>The tensor's elements as doubles.</summary>
    public double[] Values(string name) => Numbers.Read(OnHost(_tensors[name]));

    /// <summary>The tensor's bytes, for comparisons to the bit.</summary>
    public byte[] Bytes(string name) => new ReadOnlySpan<byte>((void*)OnHost(_tensors[name]).Address, (int)_tensors[name].Bytes).ToArray();

    public void RunForward() => Case.Forward!(this);

    public void RunBackward() => Case.Backward!(this);

    /// <summary>Throws if anything was written behind a tensor.</summary>
    public void CheckGuards()
    {
        for (int i = 0; i < _guards.Count; i++)
        {
            ReadOnlySpan<byte> bytes = new((void*)OnHost(_guards[i]).Address, (int)_guards[i].Bytes);
            if (bytes.ContainsAnyExcept(GuardByte))
            {
                throw new InvalidOperationException($"{Case}: something wrote behind {Case.Tensors[i].Name}");
            }
        }
    }

    public void Dispose()
    {
        _memory.Dispose();
        _image?.Dispose();
        _imageDevice?.Dispose();
    }

    private Tensor Whole => _memory.View(offsetBytes: 0, DType.I32, checked((int)(_memory.Bytes / sizeof(int))));

    // Where the host keeps a tensor of the device.
    private Tensor Place(Tensor tensor) =>
        _image is null ? tensor : new Tensor(_image.Address + (tensor.Address - _memory.Address), tensor.DType, tensor.Shape);

    private Tensor OnHost(Tensor tensor)
    {
        Tensor place = Place(tensor);
        if (_image is not null)
        {
            HostTransfer.BytesToHost(Stream, tensor, offsetBytes: 0, new Span<byte>((void*)place.Address, (int)place.Bytes));
        }

        return place;
    }

    private static long Aligned(long bytes) => (bytes + 255) & ~255L;

    private static int HashCode(int seed, string name)
    {
        int hash = seed;
        foreach (char letter in name)
        {
            hash = unchecked((hash * 31) + letter);
        }

        return hash;
    }

    private DType TypeOf(OpTensor tensor) => tensor.Role switch
    {
        OpRole.Indices => DType.I32,
        OpRole.Statistic or OpRole.GradientSum or OpRole.State => DTypes.StatisticsOf(DType),
        OpRole.Input when tensor.DType is not null => DTypes.StatisticsOf(DType),
        OpRole.Workspace => tensor.DType == DType.F32 ? DTypes.StatisticsOf(DType) : tensor.DType!.Value,
        _ => DType,
    };

    private void Fill(OpTensor tensor, Tensor view, DType valuesOf, Random random)
    {
        switch (tensor.Role)
        {
            case OpRole.Indices:
                tensor.Integers.CopyTo(view.AsSpan<int>());
                break;
            case OpRole.Input or OpRole.Upstream or OpRole.GradientSum or OpRole.State:
                bool isWide = tensor.Role is OpRole.GradientSum or OpRole.State || tensor.DType is not null;
                DType rounding = isWide ? DTypes.StatisticsOf(valuesOf) : valuesOf;
                Func<Random, double> draw = tensor.Values ?? Numbers.Normal;
                for (long i = 0; i < view.Elements; i++)
                {
                    Numbers.Write(view, i, Numbers.Round(draw(random), rounding));
                }

                break;
            default:
                view.FillBytes(0xFF);
                break;
        }
    }
}
