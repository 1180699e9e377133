using System.Numerics;
using static Camels.Kernels.PtxConversions;

namespace Camels.Kernels;

/// <summary>cvt: from one type of number to another.</summary>
internal sealed unsafe partial class PtxTranslator
{
    private void TranslateConversion()
    {
        string to = _statement.Part(-2);
        string from = _statement.Part(-1);
        bool isPair = to is "bf16x2" or "f16x2";
        Need(operands: isPair ? 3 : 2);
        Allow("rn", "rna", "rzi", "rni", "rmi", "rpi", "ftz", to, from);
        PtxWidth source = from is "u8" or "s8" ? PtxWidth.B16 : WidthOfType(from);
        PtxWidth result = WidthOfType(to);
        PtxRegister destination = _statement.Operands[0].Register ?? throw Error("a register is needed");
        _instruction.D = Destination(_statement.Operands[0], result, allowsWider: IsInteger(to));
        _instruction.A = Source(_statement.Operands[1], source, allowsWider: IsInteger(from));
        PtxWidth sourceRegister = _statement.Operands[1].Register?.Width ?? source;
        if (isPair)
        {
            _instruction.B = Source(_statement.Operands[2], PtxWidth.B32);
            TranslatePairConversion(to);
        }
        else if (IsInteger(from) && IsInteger(to))
        {
            TranslateIntegers(from, to, sourceRegister, destination.Width);
        }
        else if (IsInteger(from))
        {
            TranslateFromInteger(from, to, sourceRegister);
        }
        else if (IsInteger(to))
        {
            TranslateToInteger(from, to, destination.Width);
        }
        else
        {
            TranslateFloats(from, to);
        }
    }

    private static bool IsInteger(string type) => type.StartsWith('u') || type.StartsWith('s');

    private void TranslatePairConversion(string to)
    {
        if (to == "bf16x2")
        {
            Binary<SinglesToBFloat16s, uint>();
        }
        else
        {
            Lane2<SinglesToHalves, float, float, uint>();
        }
    }

    private void TranslateIntegers(string from, string to, PtxWidth source, PtxWidth result)
    {
        switch (from)
        {
            case "u8": FromInteger<byte>(to, source, result); break;
            case "s8": FromInteger<sbyte>(to, source, result); break;
            case "u16": FromInteger<ushort>(to, source, result); break;
            case "s16": FromInteger<short>(to, source, result); break;
            case "u32": FromInteger<uint>(to, source, result); break;
            case "s32": FromInteger<int>(to, source, result); break;
            case "u64": FromInteger<ulong>(to, source, result); break;
            case "s64": FromInteger<long>(to, source, result); break;
            default: throw Unknown();
        }
    }

    private void FromInteger<TFrom>(string to, PtxWidth source, PtxWidth result)
        where TFrom : unmanaged, IBinaryInteger<TFrom>
    {
        switch (to)
        {
            case "u8": BetweenIntegers<TFrom, byte>(source, result); break;
            case "s8": BetweenIntegers<TFrom, sbyte>(source, result); break;
            case "u16": BetweenIntegers<TFrom, ushort>(source, result); break;
            case "s16": BetweenIntegers<TFrom, short>(source, result); break;
            case "u32": BetweenIntegers<TFrom, uint>(source, result); break;
            case "s32": BetweenIntegers<TFrom, int>(source, result); break;
            case "u64": BetweenIntegers<TFrom, ulong>(source, result); break;
            case "s64": BetweenIntegers<TFrom, long>(source, result); break;
            default: throw Unknown();
        }
    }

    private void BetweenIntegers<TFrom, TTo>(PtxWidth source, PtxWidth result)
        where TFrom : unmanaged, IBinaryInteger<TFrom>
        where TTo : unmanaged, IBinaryInteger<TTo>
    {
        switch (source == PtxWidth.B64, result)
        {
            case (false, PtxWidth.B16): Lane1<IntegerToInteger16<TFrom, TTo, uint>, uint, uint>(); break;
            case (false, PtxWidth.B32): Lane1<IntegerToInteger<TFrom, TTo, uint, uint>, uint, uint>(); break;
            case (false, _): Lane1<IntegerToInteger<TFrom, TTo, uint, ulong>, uint, ulong>(); break;
            case (true, PtxWidth.B16): Lane1<IntegerToInteger16<TFrom, TTo, ulong>, ulong, uint>(); break;
            case (true, PtxWidth.B32): Lane1<IntegerToInteger<TFrom, TTo, ulong, uint>, ulong, uint>(); break;
            case (true, _): Lane1<IntegerToInteger<TFrom, TTo, ulong, ulong>, ulong, ulong>(); break;
        }
    }

    private void TranslateFromInteger(string from, string to, PtxWidth source)
    {
        bool isWide = source == PtxWidth.B64;
        switch (from, to)
        {
            case ("s32", "f32") when !isWide: Unary<Signed32ToSingle, int>(); break;
            case ("u8", "f32"): Lane1<IntegerToFloat<byte, uint, float>, uint, float>(); break;
            case ("s8", "f32"): Lane1<IntegerToFloat<sbyte, uint, float>, uint, float>(); break;
            case ("u16", "f32"): Lane1<IntegerToFloat<ushort, uint, float>, uint, float>(); break;
            case ("s16", "f32"): Lane1<IntegerToFloat<short, uint, float>, uint, float>(); break;
            case ("u32", "f32") when !isWide: Lane1<IntegerToFloat<uint, uint, float>, uint, float>(); break;
            case ("u64", "f32"): Lane1<IntegerToFloat<ulong, ulong, float>, ulong, float>(); break;
            case ("s64", "f32"): Lane1<IntegerToFloat<long, ulong, float>, ulong, float>(); break;
            case ("u32", "f64") when !isWide: Lane1<IntegerToFloat<uint, uint, double>, uint, double>(); break;
            case ("s32", "f64") when !isWide: Lane1<IntegerToFloat<int, uint, double>, uint, double>(); break;
            case ("u64", "f64"): Lane1<IntegerToFloat<ulong, ulong, double>, ulong, double>(); break;
            case ("s64", "f64"): Lane1<IntegerToFloat<long, ulong, double>, ulong, double>(); break;
            default: throw Unknown();
        }
    }

    private void TranslateToInteger(string from, string to, PtxWidth result)
    {
        switch (from)
        {
            case "f32": ToInteger<float>(to, result); break;
            case "f64": ToInteger<double>(to, result); break;
            default: throw Unknown();
        }
    }

    private void ToInteger<TFrom>(string to, PtxWidth result)
        where TFrom : unmanaged, System.Numerics.IFloatingPoint<TFrom>
    {
        switch (to, result == PtxWidth.B64)
        {
            case ("s32", false): Rounding<TFrom, int, uint>(); break;
            case ("u32", false): Rounding<TFrom, uint, uint>(); break;
            case ("s64", true): Rounding<TFrom, long, ulong>(); break;
            case ("u64", true): Rounding<TFrom, ulong, ulong>(); break;
            default: throw Unknown();
        }
    }

    private void Rounding<TFrom, TTo, TResult>()
        where TFrom : unmanaged, IFloatingPoint<TFrom>
        where TTo : unmanaged, IBinaryInteger<TTo>
        where TResult : unmanaged, IBinaryInteger<TResult>
    {
        switch (_statement.Part(1))
        {
            case "rni": Lane1<FloatToInteger<TFrom, TTo, TResult, PtxRoundNearest>, TFrom, TResult>(); break;
            case "rzi": Lane1<FloatToInteger<TFrom, TTo, TResult, PtxRoundZero>, TFrom, TResult>(); break;
            case "rmi": Lane1<FloatToInteger<TFrom, TTo, TResult, PtxRoundDown>, TFrom, TResult>(); break;
            case "rpi": Lane1<FloatToInteger<TFrom, TTo, TResult, PtxRoundUp>, TFrom, TResult>(); break;
            default: throw Unknown();
        }
    }

    private void TranslateFloats(string from, string to)
    {
        switch (from, to)
        {
            case ("f32", "f64"): Lane1<SingleToDouble, float, double>(); break;
            case ("f64", "f32"): Lane1<DoubleToSingle, double, float>(); break;
            case ("f16", "f32"): Lane1<HalfToSingle, uint, float>(); break;
            case ("f32", "f16"): Lane1<SingleToHalf, float, uint>(); break;
            case ("bf16", "f32"): Unary<BFloat16ToSingle, uint>(); break;
            case ("f32", "bf16"): Unary<SingleToBFloat16, uint>(); break;
            case ("f32", "tf32"): Unary<SingleToTensorFloat, uint>(); break;
            case ("f32", "f32"): ToWhole<float>(); break;
            case ("f64", "f64"): ToWhole<double>(); break;
            default: throw Unknown();
        }
    }

    private void ToWhole<T>()
        where T : unmanaged, IFloatingPoint<T>
    {
        switch (_statement.Part(1))
        {
            case "rni": Lane1<Rounded<T, PtxRoundNearest>, T, T>(); break;
            case "rzi": Lane1<Rounded<T, PtxRoundZero>, T, T>(); break;
            case "rmi": Lane1<Rounded<T, PtxRoundDown>, T, T>(); break;
            case "rpi": Lane1<Rounded<T, PtxRoundUp>, T, T>(); break;
            default: throw Unknown();
        }
    }
}
