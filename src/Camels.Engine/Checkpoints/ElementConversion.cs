using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Camels.Kernels;

namespace Camels.Engine.Checkpoints;

/// <summary>
/// Converts real numbers between F64, F32, F16 and BF16: exact where the target is wider, else rounded once to nearest, ties to even;
/// infinities stay, what is too large becomes one, NaN stays NaN.
/// </summary>
public static class ElementConversion
{
    private const int BlockElements = 1024;
    private const float TwoToThe112 = 5.192296858534828e33f;

    /// <summary>Converts as many elements as <paramref name="source"/> holds. Neither side needs to be aligned.</summary>
    /// <param name="from">The type of <paramref name="source"/>, one of the four.</param>
    /// <param name="source">A whole number of elements.</param>
    /// <param name="to">The type of <paramref name="destination"/>, one of the four.</param>
    /// <param name="destination">Receives the same number of elements.</param>
    public static void Convert(DType from, ReadOnlySpan<byte> source, DType to, Span<byte> destination)
    {
        int count = source.Length / from.Bytes();
        if (source.Length % from.Bytes() != 0 || destination.Length != (long)count * to.Bytes())
        {
            throw new ArgumentException($"{source.Length} bytes of {from} do not fill {destination.Length} bytes of {to}", nameof(destination));
        }

        if (from == to)
        {
            source.CopyTo(destination);
        }
        else if (from == DType.F64)
        {
            FromDouble(MemoryMarshal.Cast<byte, double>(source), to, destination);
        }
        else if (from == DType.F32)
        {
            FromSingle(MemoryMarshal.Cast<byte, float>(source), to, destination);
        }
        else if (to == DType.F32)
        {
            ToSingle(from, MemoryMarshal.Cast<byte, ushort>(source), MemoryMarshal.Cast<byte, float>(destination));
        }
        else
        {
            ThroughSingle(from, MemoryMarshal.Cast<byte, ushort>(source), to, destination);
        }
    }

    /// <summary>True where no number is an infinity or NaN.</summary>
    /// <param name="type">The type of <paramref name="elements"/>, one of the four.</param>
    /// <param name="elements">Need not be aligned.</param>
    public static bool AreFinite(DType type, ReadOnlySpan<byte> elements) => type switch
    {
        DType.F64 => AreFinite(MemoryMarshal.Cast<byte, ulong>(elements), 0x7FF0_0000_0000_0000UL),
        DType.F32 => AreFinite(MemoryMarshal.Cast<byte, uint>(elements), 0x7F80_0000u),
        DType.F16 => AreFinite(MemoryMarshal.Cast<byte, ushort>(elements), (ushort)0x7C00),
        _ => AreFinite(MemoryMarshal.Cast<byte, ushort>(elements), (ushort)0x7F80),
    };

    // Infinities and NaN have every bit of the exponent.
    private static bool AreFinite<TBits>(ReadOnlySpan<TBits> elements, TBits exponent)
        where TBits : unmanaged, IBinaryInteger<TBits>
    {
        ReadOnlySpan<Vector<TBits>> vectors = MemoryMarshal.Cast<TBits, Vector<TBits>>(elements);
        Vector<TBits> exponents = new(exponent);
        foreach (ref readonly Vector<TBits> bits in vectors)
        {
            if (Vector.EqualsAny(bits & exponents, exponents))
            {
                return false;
            }
        }

        foreach (TBits bits in elements[(vectors.Length * Vector<TBits>.Count)..])
        {
            if ((bits & exponent) == exponent)
            {
                return false;
            }
        }

        return true;
    }

    // A single holds every value of the 16-bit types, so that the way through it rounds once.
    private static void ThroughSingle(DType from, ReadOnlySpan<ushort> source, DType to, Span<byte> destination)
    {
        Span<float> block = stackalloc float[BlockElements];
        for (int start = 0; start < source.Length; start += BlockElements)
        {
            int count = Math.Min(BlockElements, source.Length - start);
            ToSingle(from, source.Slice(start, count), block[..count]);
            FromSingle(block[..count], to, destination.Slice(start * to.Bytes(), count * to.Bytes()));
        }
    }

    private static void ToSingle(DType from, ReadOnlySpan<ushort> source, Span<float> destination)
    {
        ReadOnlySpan<Vector<ushort>> halves = MemoryMarshal.Cast<ushort, Vector<ushort>>(source);
        Span<Vector<uint>> singles = MemoryMarshal.Cast<float, Vector<uint>>(destination);
        for (int i = 0; i < halves.Length; i++)
        {
            Vector.Widen(halves[i], out Vector<uint> low, out Vector<uint> high);
            singles[2 * i] = from == DType.BF16 ? low << 16 : HalfToSingle(low);
            singles[(2 * i) + 1] = from == DType.BF16 ? high << 16 : HalfToSingle(high);
        }

        for (int i = halves.Length * Vector<ushort>.Count; i < source.Length; i++)
        {
            destination[i] = from == DType.BF16 ? (float)new BFloat16(source[i]) : (float)BitConverter.UInt16BitsToHalf(source[i]);
        }
    }

    // The exponent and mantissa of a half, moved to their places in a single, are the value times 2^-112, subnormals included.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<uint> HalfToSingle(Vector<uint> half)
    {
        Vector<uint> magnitude = (half & new Vector<uint>(0x7FFF)) << 13;
        Vector<uint> finite = Vector.AsVectorUInt32(Vector.AsVectorSingle(magnitude) * new Vector<float>(TwoToThe112));
        Vector<uint> special = Vector.GreaterThanOrEqual(magnitude, new Vector<uint>(0x0F80_0000));
        Vector<uint> value = Vector.ConditionalSelect(special, magnitude | new Vector<uint>(0x7F80_0000), finite);
        return value | ((half & new Vector<uint>(0x8000)) << 16);
    }

    private static void FromSingle(ReadOnlySpan<float> source, DType to, Span<byte> destination)
    {
        if (to == DType.F64)
        {
            WidenToDouble(source, MemoryMarshal.Cast<byte, double>(destination));
            return;
        }

        ReadOnlySpan<Vector<uint>> singles = MemoryMarshal.Cast<float, Vector<uint>>(source);
        Span<ushort> narrow = MemoryMarshal.Cast<byte, ushort>(destination);
        Span<Vector<ushort>> halves = MemoryMarshal.Cast<ushort, Vector<ushort>>(narrow);
        for (int i = 0; i < halves.Length; i++)
        {
            halves[i] = to == DType.BF16
                ? Vector.Narrow(SingleToBFloat16(singles[2 * i]), SingleToBFloat16(singles[(2 * i) + 1]))
                : Vector.Narrow(SingleToHalf(singles[2 * i]), SingleToHalf(singles[(2 * i) + 1]));
        }

        for (int i = halves.Length * Vector<ushort>.Count; i < source.Length; i++)
        {
            narrow[i] = to == DType.BF16 ? ((BFloat16)source[i]).Bits : BitConverter.HalfToUInt16Bits((Half)source[i]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<uint> SingleToBFloat16(Vector<uint> bits)
    {
        Vector<uint> rounded = (bits + new Vector<uint>(0x7FFF) + ((bits >> 16) & Vector<uint>.One)) >> 16;
        Vector<uint> isNaN = Vector.GreaterThan(bits & new Vector<uint>(0x7FFF_FFFF), new Vector<uint>(0x7F80_0000));
        return Vector.ConditionalSelect(isNaN, (bits >> 16) | new Vector<uint>(0x40), rounded);
    }

    // Normal results: half a unit of the last kept place is added, less one for even values, and the rest cut off.
    // Subnormal results: adding 0.5 leaves the value in units of 2^-24 in the low bits, rounded by the addition itself.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<uint> SingleToHalf(Vector<uint> bits)
    {
        Vector<uint> magnitude = bits & new Vector<uint>(0x7FFF_FFFF);
        Vector<uint> normal = (magnitude - new Vector<uint>(0x3800_0000 - 0xFFF) + ((magnitude >> 13) & Vector<uint>.One)) >> 13;
        Vector<uint> shifted = Vector.AsVectorUInt32(Vector.AsVectorSingle(magnitude) + new Vector<float>(0.5f)) - new Vector<uint>(0x3F00_0000);
        Vector<uint> finite = Vector.ConditionalSelect(Vector.LessThan(magnitude, new Vector<uint>(0x3880_0000)), shifted, normal);
        Vector<uint> isTooLarge = Vector.GreaterThanOrEqual(magnitude, new Vector<uint>(0x4780_0000));
        Vector<uint> isNaN = Vector.GreaterThan(magnitude, new Vector<uint>(0x7F80_0000));
        Vector<uint> quiet = new Vector<uint>(0x7E00) | (magnitude >> 13);
        Vector<uint> special = Vector.ConditionalSelect(isNaN, quiet & new Vector<uint>(0x7FFF), new Vector<uint>(0x7C00));
        return Vector.ConditionalSelect(isTooLarge, special, finite) | ((bits >> 16) & new Vector<uint>(0x8000));
    }

    private static void WidenToDouble(ReadOnlySpan<float> source, Span<double> destination)
    {
        for (int i = 0; i < source.Length; i++)
        {
            destination[i] = source[i];
        }
    }

    private static void FromDouble(ReadOnlySpan<double> source, DType to, Span<byte> destination)
    {
        Span<ushort> narrow = to == DType.F32 ? [] : MemoryMarshal.Cast<byte, ushort>(destination);
        Span<float> singles = to == DType.F32 ? MemoryMarshal.Cast<byte, float>(destination) : [];
        for (int i = 0; i < source.Length; i++)
        {
            switch (to)
            {
                case DType.F32: singles[i] = (float)source[i]; break;
                case DType.F16: narrow[i] = BitConverter.HalfToUInt16Bits((Half)source[i]); break;
                default: narrow[i] = ((BFloat16)source[i]).Bits; break;
            }
        }
    }
}
