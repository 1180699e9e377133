namespace Camels.Engine.Parameters;

/// <summary>How an optimizer's moments are kept between steps. A step itself computes in the wide type.</summary>
public enum MomentStorage
{
    /// <summary>In the wide type, single precision: 8 bytes a weight.</summary>
    Wide,

    /// <summary>bfloat16, the second moment rounded at random so that it does not stand still: 4 bytes a weight.</summary>
    Bf16,

    /// <summary>One byte each with a scale for every 2048 (<see cref="Kernels.Ops.BlockCodes"/>): 2 bytes a weight.</summary>
    EightBit,

    /// <summary>Not at all: the optimizer needs none.</summary>
    None,
}
