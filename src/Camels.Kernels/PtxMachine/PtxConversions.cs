using System.Numerics;
using System.Runtime.Intrinsics;

namespace Camels.Kernels;

/// <summary>cvt between numbers.</summary>
internal static class PtxConversions
{

    public readonly struct IntegerToInteger<TFrom, TTo, TRegister, TResult> : IPtxLane1<TRegister, TResult>
        where TFrom : unmanaged, IBinaryInteger<TFrom>
        where TTo : unmanaged, IBinaryInteger<TTo>
        where TRegister : unmanaged, IBinaryInteger<TRegister>
        where TResult : unmanaged, IBinaryInteger<TResult>
    {
        public static TResult Apply(TRegister a) => TResult.CreateTruncating(TTo.CreateTruncating(TFrom.CreateTruncating(a)));
    }

    /// <summary>The result stays in a register of 16 bits.</summary>
    public readonly struct IntegerToInteger16<TFrom, TTo, TRegister> : IPtxLane1<TRegister, uint>
        where TFrom : unmanaged, IBinaryInteger<TFrom>
        where TTo : unmanaged, IBinaryInteger<TTo>
        where TRegister : unmanaged, IBinaryInteger<TRegister>
    {
        public static uint Apply(TRegister a) => ushort.CreateTruncating(TTo.CreateTruncating(TFrom.CreateTruncating(a)));
    }

    public readonly struct IntegerToFloat<TFrom, TRegister, TTo> : IPtxLane1<TRegister, TTo>
        where TFrom : unmanaged, IBinaryInteger<TFrom>
        where TRegister : unmanaged, IBinaryInteger<TRegister>
        where TTo : unmanaged, IFloatingPoint<TTo>
    {
        public static TTo Apply(TRegister a) => TTo.CreateTruncating(TFrom.CreateTruncating(a));
    }

    /// <summary>What does not fit becomes the nearest that does; NaN becomes zero.</summary>
    public readonly struct FloatToInteger<TFrom, TTo, TResult, TRounding> : IPtxLane1<TFrom, TResult>
        where TFrom : unmanaged, IFloatingPoint<TFrom>
        where TTo : unmanaged, IBinaryInteger<TTo>
        where TResult : unmanaged, IBinaryInteger<TResult>
        where TRounding : struct, IPtxRounding
    {
        public static TResult Apply(TFrom a)
        {
            double rounded = TRounding.Apply(double.CreateTruncating(a));
            return double.IsNaN(rounded) ? TResult.Zero : TResult.CreateTruncating(TTo.CreateSaturating(rounded));
        }
    }

    /// <summary>To a whole number of the same type.</summary>
    public readonly struct Rounded<T, TRounding> : IPtxLane1<T, T>
        where T : unmanaged, IFloatingPoint<T>
        where TRounding : struct, IPtxRounding
    {
        public static T Apply(T a) => T.CreateTruncating(TRounding.Apply(double.CreateTruncating(a)));
    }

    public readonly struct Signed32ToSingle : IPtxUnary<int>
    {
        public static Vector512<int> Apply(Vector512<int> a) => Vector512.ConvertToSingle(a).AsInt32();
    }

    public readonly struct SingleToDouble : IPtxLane1<float, double>
    {
        public static double Apply(float a) => a;
    }

    public readonly struct DoubleToSingle : IPtxLane1<double, float>
    {
        public static float Apply(double a) => (float)a;
    }

    public readonly struct HalfToSingle : IPtxLane1<uint, float>
    {
        public static float Apply(uint a) => (float)BitConverter.UInt16BitsToHalf((ushort)a);
    }

    public readonly struct SingleToHalf : IPtxLane1<float, uint>
    {
        public static uint Apply(float a) => BitConverter.HalfToUInt16Bits((Half)a);
    }

    public readonly struct BFloat16ToSingle : IPtxUnary<uint>
    {
        public static Vector512<uint> Apply(Vector512<uint> a) => a << 16;
    }

    public readonly struct SingleToBFloat16 : IPtxUnary<uint>
    {
        public static Vector512<uint> Apply(Vector512<uint> a) => ToBFloat16(a);
    }

    /// <summary>Two singles to a word: the first source is the upper half.</summary>
    public readonly struct SinglesToBFloat16s : IPtxBinary<uint>
    {
        public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b) => (ToBFloat16(a) << 16) | ToBFloat16(b);
    }

    public readonly struct SinglesToHalves : IPtxLane2<float, float, uint>
    {
        public static uint Apply(float a, float b) => (SingleToHalf.Apply(a) << 16) | SingleToHalf.Apply(b);
    }

    /// <summary>Ten bits of mantissa, ties away from zero.</summary>
    public readonly struct SingleToTensorFloat : IPtxUnary<uint>
    {
        public static Vector512<uint> Apply(Vector512<uint> a)
        {
            Vector512<uint> rounded = (a + Vector512.Create(0x1000u)) & Vector512.Create(~0x1FFFu);
            Vector512<uint> isFinite = Vector512.LessThan(a & Vector512.Create(0x7FFF_FFFFu), Vector512.Create(0x7F80_0000u));
            return Vector512.ConditionalSelect(isFinite, rounded, a);
        }
    }

    // To nearest, ties to even; the hardware's only NaN is 0x7FFF.
    private static Vector512<uint> ToBFloat16(Vector512<uint> a)
    {
        Vector512<uint> rounded = (a + Vector512.Create(0x7FFFu) + ((a >> 16) & Vector512<uint>.One)) >> 16;
        Vector512<uint> isNaN = Vector512.GreaterThan(a & Vector512.Create(0x7FFF_FFFFu), Vector512.Create(0x7F80_0000u));
        return Vector512.ConditionalSelect(isNaN, Vector512.Create(0x7FFFu), rounded);
    }
}

/// <summary>A direction of rounding to a whole number.</summary>
internal interface IPtxRounding
{
    static abstract double Apply(double value);
}

/// <summary>rni: to nearest, ties to even.</summary>
internal readonly struct PtxRoundNearest : IPtxRounding
{
    public static double Apply(double value) => Math.Round(value, MidpointRounding.ToEven);
}

/// <summary>rzi: towards zero.</summary>
internal readonly struct PtxRoundZero : IPtxRounding
{
    public static double Apply(double value) => Math.Truncate(value);
}

/// <summary>rmi: down.</summary>
internal readonly struct PtxRoundDown : IPtxRounding
{
    public static double Apply(double value) => Math.Floor(value);
}

/// <summary>rpi: up.</summary>
internal readonly struct PtxRoundUp : IPtxRounding
{
    public static double Apply(double value) => Math.Ceiling(value);
}
