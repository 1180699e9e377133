using System.Runtime.InteropServices;
using Camels.Kernels.Interop;

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

    /// <summary>An NVIDIA GPU: the kernels of native/cuda through the machine's CUDA driver.</summary>
    Cuda,

    /// <summary>The same kernels, launched by the same code, run on the CPU by the PTX machine.</summary>
    CudaEmulated,

    /// <summary>Nothing is computed: operators check shapes and return, so that a pass over it measures memory.</summary>
    Planning,
}

/// <summary>A place that computes. Owns its threads and streams; memory belongs to <see cref="DeviceMemory"/> and <see cref="Arena"/>.</summary>
public sealed class Device : IDisposable
{
    private Device(DeviceKind kind, string name, CpuWorkers? workers, CudaDevice? cuda = null)
    {
        Kind = kind;
        Name = name;
        Workers = workers!;
        Cuda = cuda;
        Scratch = workers is null ? null! : new CpuScratch(this, workers.Count);
        Stream = new DeviceStream(this);
    }

    /// <summary>What kind of device this is.</summary>
    public DeviceKind Kind { get; }

    /// <summary>The name that the command line and the run's records use.</summary>
    public string Name { get; }

    /// <summary>The name without a number: "cpu", "cuda". With the two below it is what equal bits are promised for.</summary>
    public string Family => Name.Split(':')[0];

    /// <summary>Which kernels compute: "avx512_bf16", "avx512", "avx2", … on the CPU, "sm_80" or "sm_90a" on a GPU.</summary>
    public string KernelPath => Cuda?.Target ?? (PairTile.IsNone ? CpuPath.Name : $"{CpuPath.Name}_bf16");

    /// <summary>The processor's architecture, or the GPU's name.</summary>
    public string InstructionSet => Cuda?.Properties.Name ?? RuntimeInformation.ProcessArchitecture.ToString();

    /// <summary>What an emulated device's driver was asked for so far: blocks of memory, which no step adds to, and launches. Zero elsewhere.</summary>
    public (long Allocations, long Launches) EmulatedCounts => Kind == DeviceKind.CudaEmulated
        ? (PtxDriver.Device(Cuda!.Properties.Ordinal).Allocations, PtxDriver.Device(Cuda.Properties.Ordinal).Launches)
        : (0, 0);

    /// <summary>Bytes that can still be allocated on a GPU; of a host device all that the machine has.</summary>
    public long FreeBytes => Cuda?.Context.Memory().Free ?? HostMemory.TotalBytes;

    /// <summary>The threads of a <see cref="DeviceKind.Cpu"/> device; null elsewhere.</summary>
    public CpuWorkers Workers { get; }

    /// <summary>Packing memory of a <see cref="DeviceKind.Cpu"/> device; null elsewhere.</summary>
    internal CpuScratch Scratch { get; }

    /// <summary>The tile of bfloat16 products on a <see cref="DeviceKind.Cpu"/> device that has one; they are computed in single precision elsewhere.</summary>
    internal CpuPairTile PairTile { get; private init; }

    /// <summary>Driver, context and kernels of a <see cref="DeviceKind.Cuda"/> or <see cref="DeviceKind.CudaEmulated"/> device; null elsewhere.</summary>
    internal CudaDevice? Cuda { get; }

    /// <summary>True where tensors are memory that the host can read and write.</summary>
    public bool IsHost => Kind is DeviceKind.Reference or DeviceKind.Plain or DeviceKind.Cpu;

    /// <summary>The device's main stream of work, in order.</summary>
    public DeviceStream Stream { get; }

    /// <summary>Double-precision loops on one thread.</summary>
    public static Device OpenReference() => new(DeviceKind.Reference, "reference", workers: null);

    /// <summary>Single-precision loops on one thread.</summary>
    public static Device OpenPlain() => new(DeviceKind.Plain, "plain", workers: null);

    /// <summary>Computes nothing.</summary>
    public static Device OpenPlanning() => new(DeviceKind.Planning, "planning", workers: null);

    /// <summary>SIMD on <paramref name="threads"/> threads; 0 takes every core. The number of threads never changes a result.</summary>
    public static Device OpenCpu(int threads = 0) => OpenCpu(threads, CpuBFloat16.Tile);

    /// <summary>The same with a tile of bfloat16 products of one's choice.</summary>
    internal static Device OpenCpu(int threads, CpuPairTile pairTile)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        return new Device(DeviceKind.Cpu, "cpu", new CpuWorkers(threads == 0 ? Environment.ProcessorCount : threads)) { PairTile = pairTile };
    }

    /// <summary>GPU <paramref name="ordinal"/> of this machine.</summary>
    /// <exception cref="NativeException">Missing: no driver, no such GPU, or one of them is too old; the message says what to do.</exception>
    public static Device OpenCuda(int ordinal = 0) => OpenCuda(ordinal, target: null);

    /// <summary>The same with the kernels of <paramref name="target"/> instead of the best for the GPU; null takes these.</summary>
    public static Device OpenCuda(int ordinal, string? target)
    {
        CudaDriver driver = CudaDriver.FromMachine(out string reason) ?? throw new NativeException(NativeFailure.Missing, reason);
        return OpenOn(driver, DeviceKind.Cuda, ordinal, $"cuda:{ordinal}", target);
    }

    /// <summary>
    /// The kernels that a GPU of <paramref name="target"/> ("sm_80" or "sm_90a") would run, on the CPU. <paramref name="seed"/> decides the
    /// order in which warps run and asynchronous work lands, which changes no bit.
    /// </summary>
    public static Device OpenEmulated(string target = "sm_80", int seed = 1) => OpenEmulated(
        target, new PtxOptions { Seed = seed, Threads = Environment.ProcessorCount });

    /// <summary>The same with every choice.</summary>
    public static Device OpenEmulated(string target, PtxOptions options) =>
        OpenOn(PtxDriver.Table, DeviceKind.CudaEmulated, PtxDriver.Add(target, options), "emulated");

    /// <summary>A device over any driver.</summary>
    internal static Device OpenOn(CudaDriver driver, DeviceKind kind, int ordinal, string name, string? target = null) =>
        new(kind, name, workers: null, new CudaDevice(driver, ordinal, target));

    /// <inheritdoc/>
    public void Dispose()
    {
        Stream.Dispose();
        Cuda?.Dispose();
        Workers?.Dispose();
        Scratch?.Dispose();
    }
}
