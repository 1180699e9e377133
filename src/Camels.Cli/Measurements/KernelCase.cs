using System.Diagnostics;
using Camels.Kernels;

namespace Camels.Cli.Measurements;

/// <summary>One kernel at one size, to be timed.</summary>
/// <param name="Name">Operator and pass, such as <c>MatMul.Forward</c>.</param>
/// <param name="Shape">The sizes, as people write them.</param>
/// <param name="Flops">Floating-point operations of a run; 0 for kernels that only move memory.</param>
/// <param name="Bytes">Bytes that a run must read and write at least.</param>
/// <param name="Prepare">Takes tensors from the arena, fills them with random numbers, and returns a run.</param>
internal sealed record KernelCase(string Name, string Shape, double Flops, double Bytes, Func<KernelTensors, Action> Prepare)
{
    private const int LeastRuns = 5;
    private const int MostRuns = 200;
    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(0.4);

    /// <summary>Runs it until the time is up; the first run does not count.</summary>
    public KernelSample Measure(Device device, Arena arena, DType dtype, KernelCeiling ceiling)
    {
        arena.Rewind(mark: 0);
        Action run = Prepare(new KernelTensors(device, arena, dtype));
        using DeviceTimer timer = new(device);
        _ = timer.SecondsOf(run);
        List<double> seconds = [];
        List<double> ceilings = [];
        long began = Stopwatch.GetTimestamp();
        while (seconds.Count < LeastRuns || (seconds.Count < MostRuns && Stopwatch.GetElapsedTime(began) < Budget))
        {
            ceilings.Add(Flops > 0 ? ceiling.FlopsPerSecond() : ceiling.BytesPerSecond());
            seconds.Add(timer.SecondsOf(run));
        }

        return new KernelSample(this, new Sample([.. seconds]), [.. ceilings]);
    }
}

/// <summary>The timings of a kernel, and what the machine could do at each of them, in FLOP/s or bytes/s.</summary>
internal sealed record KernelSample(KernelCase Kernel, Sample Sample, double[] Ceilings)
{
    /// <summary>The median over the runs of the kernel's rate as a share of the ceiling measured beside it.</summary>
    public double ShareOfCeiling
    {
        get
        {
            double work = Kernel.Flops > 0 ? Kernel.Flops : Kernel.Bytes;
            return new Sample([.. Sample.Seconds.Zip(Ceilings, (seconds, ceiling) => work / seconds / ceiling)]).Median;
        }
    }
}

/// <summary>Tensors for a case, filled with random numbers: zeros would be faster than anything real.</summary>
internal sealed class KernelTensors(Device device, Arena arena, DType dtype)
{
    private const int DrawnElements = 1 << 20;

    private readonly Random _random = new(42);

    /// <summary>The device's stream.</summary>
    public DeviceStream Stream => device.Stream;

    /// <summary>The type of weights and activations.</summary>
    public DType DType => dtype;

    /// <summary>Numbers from −1 to 1 in the measured type.</summary>
    public Tensor New(params ReadOnlySpan<int> extents) => Fill(arena.New(dtype, extents), least: -1);

    /// <summary>Numbers from −1 to 1 in the type of statistics, gradients and moments.</summary>
    public Tensor NewWide(params ReadOnlySpan<int> extents) => Fill(arena.New(DTypes.StatisticsOf(dtype), extents), least: -1);

    /// <summary>So many numbers from <paramref name="least"/> to 1 in the type of statistics, gradients and moments.</summary>
    public Tensor NewWide(int elements, double least) => Fill(arena.New(DTypes.StatisticsOf(dtype), elements), least);

    /// <summary>Integers.</summary>
    public Tensor Integers(int count, Func<int, int> value)
    {
        Tensor tensor = arena.New(DType.I32, count);
        HostTransfer.ToDevice<int>(device.Stream, tensor, [.. Enumerable.Range(0, count).Select(value)]);
        return tensor;
    }

    /// <summary>Random integers below <paramref name="end"/>.</summary>
    public Tensor RandomIntegers(int count, int end) => Integers(count, _ => _random.Next(end));

    // Random numbers for the first elements, which the device then copies over the rest.
    private Tensor Fill(Tensor tensor, double least)
    {
        Tensor flat = tensor.Reshape(checked((int)tensor.Elements));
        int drawn = Math.Min(DrawnElements, flat.Shape[0]);
        float[] values = [.. Enumerable.Range(0, drawn).Select(_ => (float)(least + ((1 - least) * _random.NextDouble())))];
        if (tensor.DType == DType.F32)
        {
            HostTransfer.ToDevice<float>(device.Stream, flat, values);
        }
        else
        {
            HostTransfer.ToDevice<BFloat16>(device.Stream, flat, Array.ConvertAll(values, value => (BFloat16)value));
        }

        for (int filled = drawn; filled < flat.Shape[0];)
        {
            int count = Math.Min(filled, flat.Shape[0] - filled);
            HostTransfer.Copy(device.Stream, destination: flat.Rows(filled, count), source: flat.Rows(0, count));
            filled += count;
        }

        return tensor;
    }
}
