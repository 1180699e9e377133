using Camels.Kernels;

namespace Camels.Engine.Parameters;

/// <summary>
/// The type that weights and activations have in memory. Masters, moments, statistics and accumulated gradients are F32 in every precision
/// (F64 beside F64).
/// </summary>
/// <param name="Compute">Type of weights and activations.</param>
public readonly record struct Precision(DType Compute)
{
    /// <summary>Everything in single precision; the weights are their own masters.</summary>
    public static Precision Fp32 => new(DType.F32);

    /// <summary>bfloat16 weights and activations beside F32 masters.</summary>
    public static Precision Bf16 => new(DType.BF16);

    /// <summary>Half precision weights and activations beside F32 masters; the loss is scaled.</summary>
    public static Precision Fp16 => new(DType.F16);

    /// <summary>Everything in double precision: only for the reference device.</summary>
    public static Precision Fp64 => new(DType.F64);

    /// <summary>Type of statistics, masters, moments and gradients.</summary>
    public DType Wide => DTypes.StatisticsOf(Compute);

    /// <summary>True where masters are kept beside the weights.</summary>
    public bool HasMasters => Compute != Wide;

    /// <summary>True where gradients need a loss scale, because small ones would vanish in the compute type.</summary>
    public bool NeedsLossScale => Compute == DType.F16;

    /// <summary>The name that recipes use: "fp32", "bf16", "fp16", "fp64".</summary>
    public string Name => Compute switch
    {
        DType.F32 => "fp32",
        DType.BF16 => "bf16",
        DType.F16 => "fp16",
        DType.F64 => "fp64",
        _ => Compute.ToString(),
    };
}
