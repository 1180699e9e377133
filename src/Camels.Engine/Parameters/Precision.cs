namespace Camels.Engine.Parameters;

/// <summary>What weights and activations are computed in. Master weights, moments and accumulated gradients are always single precision.</summary>
public enum Precision
{
    /// <summary>Single precision throughout.</summary>
    Fp32,

    /// <summary>bfloat16 weights and activations.</summary>
    Bf16,
}
