using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Camels.Kernels;

/// <summary>
/// The exponential function in single precision, within one unit in the last place, for one number or a vector of them. All overloads do
/// the same operations in the same order, so that a vector's lanes and a scalar tail have the same bits. exp(0) is exactly 1, exp(−∞) is 0,
/// exp(+∞) is +∞, and NaN stays NaN.
/// </summary>
internal static class CpuMath
{
    // exp(x) = 2^n * exp(r), n = round(x / ln 2), r = x − n * ln 2 in [−ln 2 / 2, ln 2 / 2].
    // exp(r) = 1 + r + r² * q(r), q of degree 4 with the least relative error (3.1e-9), found by exchange.
    private const float LargestExponent = 89f;         // exp(89) overflows
    private const float SmallestExponent = -104f;      // exp(−104) is below half of the smallest denormal
    private const float OneByLn2 = 1.4426950216293335f;
    private const float Ln2High = 0.6931471824645996f;
    private const float Ln2Low = -1.9046542121259336e-09f;
    private const float RoundToInteger = 12582912f;    // 1.5 * 2^23: its sum with a small number has the nearest integer in the low bits
    private const float Q0 = 0.4999999403953552f;
    private const float Q1 = 0.1666652113199234f;
    private const float Q2 = 0.04166838899254799f;
    private const float Q3 = 0.008368716575205326f;
    private const float Q4 = 0.0013814599951729178f;
    private const int ExponentBias = 127;
    private const int MantissaBits = 23;

    /// <summary>exp(x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Exp(float x)
    {
        // MinNative and MaxNative give their second operand where one is NaN.
        x = float.MinNative(LargestExponent, float.MaxNative(SmallestExponent, x));
        float shifted = MathF.FusedMultiplyAdd(x, OneByLn2, RoundToInteger);
        float n = shifted - RoundToInteger;
        float r = MathF.FusedMultiplyAdd(n, -Ln2Low, MathF.FusedMultiplyAdd(n, -Ln2High, x));
        float q = MathF.FusedMultiplyAdd(Q4, r, Q3);
        q = MathF.FusedMultiplyAdd(q, r, Q2);
        q = MathF.FusedMultiplyAdd(q, r, Q1);
        q = MathF.FusedMultiplyAdd(q, r, Q0);
        float exp = MathF.FusedMultiplyAdd(r * r, q, r) + 1;

        // 2^n in two factors: n may be outside the exponents of normal numbers. Only the last product rounds.
        int exponent = BitConverter.SingleToInt32Bits(shifted) - BitConverter.SingleToInt32Bits(RoundToInteger);
        int half = exponent >> 1;
        return exp * PowerOfTwo(half) * PowerOfTwo(exponent - half);
    }

    /// <summary>exp(x) of every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Exp(Vector<float> x)
    {
        x = Vector.MinNative(new Vector<float>(LargestExponent), Vector.MaxNative(new Vector<float>(SmallestExponent), x));
        Vector<float> toInteger = new(RoundToInteger);
        Vector<float> shifted = Vector.FusedMultiplyAdd(x, new Vector<float>(OneByLn2), toInteger);
        Vector<float> n = shifted - toInteger;
        Vector<float> r = Vector.FusedMultiplyAdd(
            n, new Vector<float>(-Ln2Low), Vector.FusedMultiplyAdd(n, new Vector<float>(-Ln2High), x));
        Vector<float> q = Vector.FusedMultiplyAdd(new Vector<float>(Q4), r, new Vector<float>(Q3));
        q = Vector.FusedMultiplyAdd(q, r, new Vector<float>(Q2));
        q = Vector.FusedMultiplyAdd(q, r, new Vector<float>(Q1));
        q = Vector.FusedMultiplyAdd(q, r, new Vector<float>(Q0));
        Vector<float> exp = Vector.FusedMultiplyAdd(r * r, q, r) + Vector<float>.One;
        Vector<int> exponent = Vector.AsVectorInt32(shifted) - Vector.AsVectorInt32(toInteger);
        Vector<int> half = exponent >> 1;
        return exp * PowerOfTwo(half) * PowerOfTwo(exponent - half);
    }

    /// <summary>exp(x) of every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Exp(Vector256<float> x)
    {
        x = Vector256.MinNative(Vector256.Create(LargestExponent), Vector256.MaxNative(Vector256.Create(SmallestExponent), x));
        Vector256<float> toInteger = Vector256.Create(RoundToInteger);
        Vector256<float> shifted = Vector256.FusedMultiplyAdd(x, Vector256.Create(OneByLn2), toInteger);
        Vector256<float> n = shifted - toInteger;
        Vector256<float> r = Vector256.FusedMultiplyAdd(
            n, Vector256.Create(-Ln2Low), Vector256.FusedMultiplyAdd(n, Vector256.Create(-Ln2High), x));
        Vector256<float> q = Vector256.FusedMultiplyAdd(Vector256.Create(Q4), r, Vector256.Create(Q3));
        q = Vector256.FusedMultiplyAdd(q, r, Vector256.Create(Q2));
        q = Vector256.FusedMultiplyAdd(q, r, Vector256.Create(Q1));
        q = Vector256.FusedMultiplyAdd(q, r, Vector256.Create(Q0));
        Vector256<float> exp = Vector256.FusedMultiplyAdd(r * r, q, r) + Vector256<float>.One;
        Vector256<int> exponent = shifted.AsInt32() - toInteger.AsInt32();
        Vector256<int> half = exponent >> 1;
        return exp * PowerOfTwo(half) * PowerOfTwo(exponent - half);
    }

    /// <summary>exp(x) of every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp(Vector512<float> x)
    {
        x = Vector512.MinNative(Vector512.Create(LargestExponent), Vector512.MaxNative(Vector512.Create(SmallestExponent), x));
        Vector512<float> toInteger = Vector512.Create(RoundToInteger);
        Vector512<float> shifted = Vector512.FusedMultiplyAdd(x, Vector512.Create(OneByLn2), toInteger);
        Vector512<float> n = shifted - toInteger;
        Vector512<float> r = Vector512.FusedMultiplyAdd(
            n, Vector512.Create(-Ln2Low), Vector512.FusedMultiplyAdd(n, Vector512.Create(-Ln2High), x));
        Vector512<float> q = Vector512.FusedMultiplyAdd(Vector512.Create(Q4), r, Vector512.Create(Q3));
        q = Vector512.FusedMultiplyAdd(q, r, Vector512.Create(Q2));
        q = Vector512.FusedMultiplyAdd(q, r, Vector512.Create(Q1));
        q = Vector512.FusedMultiplyAdd(q, r, Vector512.Create(Q0));
        Vector512<float> exp = Vector512.FusedMultiplyAdd(r * r, q, r) + Vector512<float>.One;
        Vector512<int> exponent = shifted.AsInt32() - toInteger.AsInt32();
        Vector512<int> half = exponent >> 1;
        return exp * PowerOfTwo(half) * PowerOfTwo(exponent - half);
    }

    private static float PowerOfTwo(int n) => BitConverter.Int32BitsToSingle((n + ExponentBias) << MantissaBits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> PowerOfTwo(Vector<int> n) =>
        Vector.AsVectorSingle((n + new Vector<int>(ExponentBias)) << MantissaBits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> PowerOfTwo(Vector256<int> n) => ((n + Vector256.Create(ExponentBias)) << MantissaBits).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> PowerOfTwo(Vector512<int> n) => ((n + Vector512.Create(ExponentBias)) << MantissaBits).AsSingle();
}
