using Camels.Engine;
using Camels.Engine.Parameters;

namespace Camels.Cli;

/// <summary>The value of <c>--precision</c>.</summary>
internal static class PrecisionName
{
    /// <summary>The precision of a name; unknown: exit code 2.</summary>
    public static Precision Parse(string name) => name switch
    {
        "fp32" => Precision.Fp32,
        "bf16" => Precision.Bf16,
        "fp16" => Precision.Fp16,
        _ => throw CamelsException.Usage($"--precision {name} is unknown; there are fp32, bf16 and fp16"),
    };
}
