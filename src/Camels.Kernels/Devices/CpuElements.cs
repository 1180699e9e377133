using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Camels.Kernels;

/// <summary>
/// How a stored element type is read and written as single precision. Kernels are generic over it, so that the compiler makes one loop
/// per type; <c>i</c> counts elements.
/// </summary>
internal unsafe interface ICpuElements
{
    static abstract Vector<float> Load(void* source, nint i);

    static abstract void Store(void* destination, nint i, Vector<float> value);

    static abstract float LoadOne(void* source, nint i);

    static abstract void StoreOne(void* destination, nint i, float value);
}

/// <summary>Single precision, as it is.</summary>
internal readonly unsafe struct CpuF32 : ICpuElements
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Load(void* source, nint i) => Unsafe.ReadUnaligned<Vector<float>>((float*)source + i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(void* destination, nint i, Vector<float> value) => Unsafe.WriteUnaligned((float*)destination + i, value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float LoadOne(void* source, nint i) => ((float*)source)[i];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreOne(void* destination, nint i, float value) => ((float*)destination)[i] = value;
}

/// <summary>bfloat16, rounded to nearest even.</summary>
internal readonly unsafe struct CpuBF16 : ICpuElements
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Load(void* source, nint i)
    {
        ushort* bits = (ushort*)source + i;
        if (Vector<float>.Count == Vector256<float>.Count && Vector256.IsHardwareAccelerated)
        {
            Vector256<uint> wide = Vector256.WidenLower(Vector128.Load(bits).ToVector256Unsafe());
            return (wide << 16).AsSingle().AsVector();
        }

        Vector<float> result = default;
        for (int lane = 0; lane < Vector<float>.Count; lane++)
        {
            result = result.WithElement(lane, BitConverter.UInt32BitsToSingle((uint)bits[lane] << 16));
        }

        return result;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(void* destination, nint i, Vector<float> value)
    {
        ushort* bits = (ushort*)destination + i;
        if (Vector<float>.Count == Vector256<float>.Count && Vector256.IsHardwareAccelerated)
        {
            Vector256<float> source = value.AsVector256();
            Vector256<uint> wide = source.AsUInt32();
            Vector256<uint> rounded = wide + Vector256.Create(0x7FFFu) + ((wide >> 16) & Vector256<uint>.One);
            Vector256<uint> quiet = wide | Vector256.Create(0x0040_0000u);
            Vector256<uint> high = Vector256.ConditionalSelect(Vector256.Equals(source, source).AsUInt32(), rounded, quiet) >> 16;
            Vector256.Narrow(high, high).GetLower().Store(bits);
            return;
        }

        for (int lane = 0; lane < Vector<float>.Count; lane++)
        {
            bits[lane] = ((BFloat16)value[lane]).Bits;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float LoadOne(void* source, nint i) => BitConverter.UInt32BitsToSingle((uint)((ushort*)source)[i] << 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreOne(void* destination, nint i, float value) => ((BFloat16*)destination)[i] = (BFloat16)value;
}

/// <summary>Half precision, rounded to nearest even.</summary>
internal readonly unsafe struct CpuF16 : ICpuElements
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Load(void* source, nint i)
    {
        if (Vector<float>.Count == Vector256<float>.Count && Vector256.IsHardwareAccelerated)
        {
            return Widen(Vector256.WidenLower(Vector128.Load((ushort*)source + i).ToVector256Unsafe())).AsVector();
        }

        Vector<float> result = default;
        for (int lane = 0; lane < Vector<float>.Count; lane++)
        {
            result = result.WithElement(lane, (float)((Half*)source)[i + lane]);
        }

        return result;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(void* destination, nint i, Vector<float> value)
    {
        if (Vector<float>.Count == Vector256<float>.Count && Vector256.IsHardwareAccelerated)
        {
            Vector256<uint> narrow = Narrow(value.AsVector256());
            Vector256.Narrow(narrow, narrow).GetLower().Store((ushort*)destination + i);
            return;
        }

        for (int lane = 0; lane < Vector<float>.Count; lane++)
        {
            ((Half*)destination)[i + lane] = (Half)value[lane];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float LoadOne(void* source, nint i) => (float)((Half*)source)[i];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreOne(void* destination, nint i, float value) => ((Half*)destination)[i] = (Half)value;

    // Exponent and mantissa moved to their places read as the number times 2^-112, denormals too; infinity and NaN get the full exponent.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Widen(Vector256<uint> half)
    {
        Vector256<uint> magnitude = (half & Vector256.Create(0x7FFFu)) << 13;
        Vector256<uint> finite = (magnitude.AsSingle() * Vector256.Create(5.1922969e33f)).AsUInt32();
        Vector256<uint> isFinite = Vector256.LessThan(magnitude, Vector256.Create(0x7C00u << 13));
        Vector256<uint> wide = Vector256.ConditionalSelect(isFinite, finite, magnitude | Vector256.Create(0x7F80_0000u));
        return (wide | ((half & Vector256.Create(0x8000u)) << 16)).AsSingle();
    }

    // Normal numbers are rounded in integers, whose carry moves into the exponent; denormals by adding 0.5, whose last bit weighs 2^-24 as
    // theirs does.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Narrow(Vector256<float> value)
    {
        Vector256<uint> magnitude = Vector256.Abs(value).AsUInt32();
        Vector256<uint> sign = (value.AsUInt32() >> 16) & Vector256.Create(0x8000u);
        Vector256<uint> odd = (magnitude >> 13) & Vector256<uint>.One;
        Vector256<uint> normal = (magnitude + odd + Vector256.Create(unchecked(0x0FFFu - (112u << 23)))) >> 13;
        Vector256<float> half = Vector256.Create(0.5f);
        Vector256<uint> denormal = (magnitude.AsSingle() + half).AsUInt32() - half.AsUInt32();
        Vector256<uint> isDenormal = Vector256.LessThan(magnitude, Vector256.Create(113u << 23));
        Vector256<uint> isFinite = Vector256.LessThan(magnitude, Vector256.Create(143u << 23));
        Vector256<uint> isNaN = Vector256.GreaterThan(magnitude, Vector256.Create(0x7F80_0000u));
        Vector256<uint> special = Vector256.Create(0x7C00u) | (isNaN & Vector256.Create(0x0200u));
        return sign | Vector256.ConditionalSelect(isFinite, Vector256.ConditionalSelect(isDenormal, denormal, normal), special);
    }
}
