namespace Camels.Kernels;

/// <summary>
/// A kernel by name: the file native/cuda/FILE.cu and its entry. A static field of an operator's X.Cuda.cs; every device finds its own
/// machine code by <see cref="Index"/>.
/// </summary>
internal sealed class Kernel(string file, string entry)
{
    private static int _count;

    /// <summary>The kernel's place in every device's table.</summary>
    public int Index { get; } = Interlocked.Increment(ref _count) - 1;

    /// <summary>Name of the file in native/cuda, without ending.</summary>
    public string File => file;

    /// <summary>Name in the PTX.</summary>
    public string Entry => entry;
}

/// <summary>The kernels of one computation in each element type: ENTRY_f32, ENTRY_bf16 and ENTRY_f16.</summary>
internal sealed class KernelSet(string file, string entry)
{
    private readonly Kernel _f32 = new(file, $"{entry}_f32");
    private readonly Kernel _bf16 = new(file, $"{entry}_bf16");
    private readonly Kernel _f16 = new(file, $"{entry}_f16");

    /// <summary>The kernel for elements of <paramref name="dtype"/>.</summary>
    public Kernel this[DType dtype] => dtype switch
    {
        DType.F32 => _f32,
        DType.BF16 => _bf16,
        DType.F16 => _f16,
        _ => throw new ArgumentException($"no kernel {entry} computes in {dtype} on a GPU; there are F32, BF16 and F16"),
    };
}
