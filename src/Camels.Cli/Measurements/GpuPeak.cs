using Camels.Engine;
using Camels.Engine.Parameters;
using Camels.Kernels;

namespace Camels.Cli.Measurements;

/// <summary>What makers publish of their GPUs: memory, and the peak of dense products with bf16 factors or of single precision outside the tensor cores.</summary>
internal static class GpuPeak
{
    // Part of the name, bf16 and fp32 in FLOP/s, the larger of its memories in bytes (data sheets; without sparsity).
    private static readonly (string Name, double Bf16, double Fp32, double MemoryBytes)[] _known =
    [
        ("GH200", 989e12, 67e12, 96e9), ("H200", 989e12, 67e12, 141e9), ("H100 PCIe", 756e12, 51e12, 80e9), ("H100", 989e12, 67e12, 80e9),
        ("A100", 312e12, 19.5e12, 80e9), ("A800", 312e12, 19.5e12, 80e9), ("A10", 125e12, 31.2e12, 24e9), ("L40S", 362e12, 91.6e12, 48e9),
        ("RTX 4090", 165e12, 82.6e12, 24e9), ("RTX 3090", 71e12, 35.6e12, 24e9),
    ];

    /// <summary>The peak of a GPU in FLOP/s and where it is from; NaN where it is not known.</summary>
    public static (double FlopsPerSecond, string Source) Of(Device gpu, Precision precision)
    {
        (string? name, double bf16, double fp32, _) = Array.Find(_known, known => $"{gpu.InstructionSet} ".Contains($"{known.Name} ", StringComparison.Ordinal));
        return name is null
            ? (double.NaN, $"not known for {gpu.InstructionSet}")
            : (precision.HasMasters ? bf16 : fp32, $"published for {name}: {(precision.HasMasters ? "dense bf16" : "fp32")}");
    }

    /// <summary>Peak in FLOP/s and memory in bytes of a GPU by name, as in "A100".</summary>
    /// <exception cref="CamelsException">It is not known: exit code 2.</exception>
    public static (double FlopsPerSecond, long MemoryBytes) Named(string gpu, Precision precision)
    {
        (string? name, double bf16, double fp32, double memoryBytes) = Array.Find(_known, known => known.Name.Equals(gpu, StringComparison.OrdinalIgnoreCase));
        return name is null
            ? throw CamelsException.Usage($"--gpu {gpu} is not known; there are {string.Join(", ", _known.Select(known => known.Name))}, or leave it out and give --gpu-memory")
            : (precision.HasMasters ? bf16 : fp32, (long)memoryBytes);
    }
}
