namespace Camels.Kernels.Ops;

/// <summary>A function of single elements, between the halves of a feed-forward layer. Kernels know it by these numbers.</summary>
public enum Activation
{
    /// <summary>x itself.</summary>
    None = 0,

    /// <summary>max(x, 0).</summary>
    Relu = 1,

    /// <summary>x times the normal distribution function of x, exactly.</summary>
    Gelu = 2,
}
