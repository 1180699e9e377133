using Camels.Kernels;

namespace Camels.Engine.Checkpoints;

/// <summary>The element types of the safetensors format, spelled as the format spells them.</summary>
public enum StoredType
{
    /// <summary>IEEE 754 double precision.</summary>
    F64,

    /// <summary>IEEE 754 single precision.</summary>
    F32,

    /// <summary>IEEE 754 half precision.</summary>
    F16,

    /// <summary>bfloat16.</summary>
    BF16,

    /// <summary>64-bit signed integers.</summary>
    I64,

    /// <summary>32-bit signed integers.</summary>
    I32,

    /// <summary>16-bit signed integers.</summary>
    I16,

    /// <summary>8-bit signed integers.</summary>
    I8,

    /// <summary>64-bit unsigned integers.</summary>
    U64,

    /// <summary>32-bit unsigned integers.</summary>
    U32,

    /// <summary>16-bit unsigned integers.</summary>
    U16,

    /// <summary>8-bit unsigned integers.</summary>
    U8,

    /// <summary>A byte, 0 or 1.</summary>
    BOOL,
}

/// <summary>Sizes and relations of stored types.</summary>
public static class StoredTypes
{
    /// <summary>Bytes of one element.</summary>
    public static int Bytes(this StoredType type) => type switch
    {
        StoredType.F64 or StoredType.I64 or StoredType.U64 => 8,
        StoredType.F32 or StoredType.I32 or StoredType.U32 => 4,
        StoredType.F16 or StoredType.BF16 or StoredType.I16 or StoredType.U16 => 2,
        _ => 1,
    };

    /// <summary>True for the types that hold real numbers.</summary>
    public static bool IsFloat(this StoredType type) => type is StoredType.F64 or StoredType.F32 or StoredType.F16 or StoredType.BF16;

    /// <summary>How a tensor's elements are stored.</summary>
    public static StoredType Of(DType dtype) => dtype switch
    {
        DType.F64 => StoredType.F64,
        DType.F32 => StoredType.F32,
        DType.F16 => StoredType.F16,
        DType.BF16 => StoredType.BF16,
        DType.I32 => StoredType.I32,
        DType.U8 => StoredType.U8,
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "unknown element type"),
    };
}
