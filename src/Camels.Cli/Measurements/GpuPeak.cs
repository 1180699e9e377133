using Camels.Engine.Parameters;
using Camels.Kernels;

namespace Camels.Cli.Measurements;

/// <summary>What makers publish as their GPUs' peak: dense products with bf16 factors, or single precision outside the tensor cores.</summary>
internal static class GpuPeak
{
    // Part of the name, bf16 and fp32 in FLOP/s (data sheets; without sparsity).
    private static readonly (string Name, double Bf16, double Fp32)[] _known =
    [
        ("GH200", 989e12, 67e12), ("H200", 989e12, 67e12), ("H100 PCIe", 756e12, 51e12), ("H100", 989e12, 67e12), ("A100", 312e12, 19.5e12),
        ("A800", 312e12, 19.5e12), ("A10", 125e12, 31.2e12), ("L40S", 362e12, 91.6e12), ("RTX 4090", 165e12, 82.6e12), ("RTX 3090", 71e12, 35.6e12),
    ];

    /// <summary>The peak of a GPU in FLOP/s and where it is from; NaN where it is not known.</summary>
    public static (double FlopsPerSecond, string Source) Of(Device gpu, Precision precision)
    {
        (string? name, double bf16, double fp32) = Array.Find(_known, known => gpu.InstructionSet.Contains(known.Name, StringComparison.Ordinal));
        return name is null
            ? (double.NaN, $"not known for {gpu.InstructionSet}")
            : (precision.HasMasters ? bf16 : fp32, $"published for {name}: {(precision.HasMasters ? "dense bf16" : "fp32")}");
    }
}
