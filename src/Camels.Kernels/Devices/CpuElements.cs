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
        for (int lane = 0; lane < Vector<float>.Count; lane++)
        {
            ((Half*)destination)[i + lane] = (Half)value[lane];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float LoadOne(void* source, nint i) => (float)((Half*)source)[i];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreOne(void* destination, nint i, float value) => ((Half*)destination)[i] = (Half)value;
}
