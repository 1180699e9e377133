namespace Camels.Kernels;

/// <summary>The type of a tensor's elements. A value, not a type parameter: one model class serves every precision.</summary>
public enum DType
{
    /// <summary>IEEE 754 single precision, 4 bytes.</summary>
    F32,

    /// <summary>IEEE 754 double precision, 8 bytes. Only the reference device computes in it.</summary>
    F64,

    /// <summary>bfloat16: the upper half of a single, 2 bytes.</summary>
    BF16,

    /// <summary>IEEE 754 half precision, 2 bytes.</summary>
    F16,

    /// <summary>32-bit signed integers: token ids, bounds, positions.</summary>
    I32,

    /// <summary>Bytes: codes of quantised weights.</summary>
    U8,
}

/// <summary>Sizes and relations of element types.</summary>
public static class DTypes
{
    /// <summary>Bytes of one element.</summary>
    public static int Bytes(this DType dtype) => dtype switch
    {
        DType.F32 or DType.I32 => 4,
        DType.F64 => 8,
        DType.BF16 or DType.F16 => 2,
        DType.U8 => 1,
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "unknown element type"),
    };

    /// <summary>True for the types that hold real numbers.</summary>
    public static bool IsFloat(this DType dtype) => dtype is not (DType.I32 or DType.U8);

    /// <summary>The type of statistics, losses and accumulated gradients beside <paramref name="dtype"/>: F32, or F64 beside F64.</summary>
    public static DType StatisticsOf(DType dtype) => dtype switch
    {
        DType.F64 => DType.F64,
        DType.I32 or DType.U8 => throw new ArgumentException($"a tensor of {dtype} holds no real numbers"),
        _ => DType.F32,
    };
}
