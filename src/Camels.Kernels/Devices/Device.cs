namespace Camels.Kernels;

/// <summary>Where and how operators compute.</summary>
public enum DeviceKind
{
    /// <summary>Plain loops in double precision: the truth.</summary>
    Reference,

    /// <summary>The same loops in single precision: plain code, the yardstick of tolerances in tests.</summary>
    Plain,

    /// <summary>SIMD on the processor's cores.</summary>
    Cpu,

    /// <summary>Nothing is computed: operators check shapes and return, so that a pass over it measures memory.</summary>
    Planning,
}

/// <summary>A place that computes. Owns its threads; memory belongs to <see cref="DeviceMemory"/> and <see cref="Arena"/>.</summary>
public sealed class Device : IDisposable
{
    private Device(DeviceKind kind, string name, CpuWorkers? workers)
    {
        Kind = kind;
        Name = name;
        Workers = workers!;
        Scratch = workers is null ? null! : new CpuScratch(this, workers.Count);
        Stream = new DeviceStream(this);
    }

    /// <summary>What kind of device this is.</summary>
    public DeviceKind Kind { get; }

    /// <summary>The name that the command line and the run's records use.</summary>
    public string Name { get; }

    /// <summary>The threads of a <see cref="DeviceKind.Cpu"/> device; null elsewhere.</summary>
    public CpuWorkers Workers { get; }

    /// <summary>Packing memory of a <see cref="DeviceKind.Cpu"/> device; null elsewhere.</summary>
    internal CpuScratch Scratch { get; }

    /// <summary>The device's one stream of work, in order.</summary>
    public DeviceStream Stream { get; }

    /// <summary>Double-precision loops on one thread.</summary>
    public static Device OpenReference() => new(DeviceKind.Reference, "reference", workers: null);

    /// <summary>Single-precision loops on one thread.</summary>
    public static Device OpenPlain() => new(DeviceKind.Plain, "plain", workers: null);

    /// <summary>Computes nothing.</summary>
    public static Device OpenPlanning() => new(DeviceKind.Planning, "planning", workers: null);

    /// <summary>SIMD on <paramref name="threads"/> threads; 0 takes every core. The number of threads never changes a result.</summary>
    public static Device OpenCpu(int threads = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        return new Device(DeviceKind.Cpu, "cpu", new CpuWorkers(threads == 0 ? Environment.ProcessorCount : threads));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Workers?.Dispose();
        Scratch?.Dispose();
    }
}
