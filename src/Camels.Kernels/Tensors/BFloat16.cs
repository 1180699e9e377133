using System.Runtime.CompilerServices;

namespace Camels.Kernels;

/// <summary>bfloat16: sign, 8 exponent bits and 7 mantissa bits, the upper half of a single.</summary>
public readonly struct BFloat16(ushort bits) : IEquatable<BFloat16>
{
    /// <summary>The 16 bits as stored.</summary>
    public ushort Bits { get; } = bits;

    /// <summary>Rounds to nearest, ties to even; NaN stays NaN (quiet).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static explicit operator BFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        if (float.IsNaN(value))
        {
            return new BFloat16((ushort)((bits >> 16) | 0x40));
        }

        uint roundingBias = 0x7FFF + ((bits >> 16) & 1);
        return new BFloat16((ushort)((bits + roundingBias) >> 16));
    }

    /// <summary>Rounds once, from double: through a single rounded to odd, so that no value is rounded twice.</summary>
    public static explicit operator BFloat16(double value)
    {
        float nearest = (float)value;
        if (nearest != value && !double.IsNaN(value) && float.IsFinite(nearest))
        {
            uint bits = BitConverter.SingleToUInt32Bits(nearest);
            if ((bits & 1) == 0)
            {
                // Round to odd: truncation towards zero with the last bit set, which the second rounding cannot mistake for a tie.
                bool overshot = Math.Abs((double)nearest) > Math.Abs(value);
                bits = overshot ? bits - 1 : bits + 1;
                nearest = BitConverter.UInt32BitsToSingle(bits);
            }
        }

        return (BFloat16)nearest;
    }

    /// <summary>Exact.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static explicit operator float(BFloat16 value) => BitConverter.UInt32BitsToSingle((uint)value.Bits << 16);

    /// <summary>Exact.</summary>
    public static explicit operator double(BFloat16 value) => (float)value;

    /// <summary>Equality of values, as of floats: NaN differs from itself.</summary>
    public static bool operator ==(BFloat16 left, BFloat16 right) => (float)left == (float)right;

    /// <summary>Inequality of values, as of floats.</summary>
    public static bool operator !=(BFloat16 left, BFloat16 right) => !(left == right);

    /// <inheritdoc/>
    public bool Equals(BFloat16 other) => Bits == other.Bits;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is BFloat16 other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => Bits;

    /// <inheritdoc/>
    public override string ToString() => ((float)this).ToString(System.Globalization.CultureInfo.InvariantCulture);
}
