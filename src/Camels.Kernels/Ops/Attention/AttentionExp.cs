using System.Runtime.CompilerServices;

namespace Camels.Kernels.Ops;

/// <summary>
/// exp(x) for x up to about 0, as the softmax needs it: half the work of <see cref="CpuMath"/>, which takes any x. exp(0) is exactly 1, what
/// is below exp(-87) is 0, so that no denormal number arises, and NaN stays NaN. The error is below two units in the last place for x from -1
/// on and grows with -x, which is less than the rounding of a score of that size.
/// </summary>
internal static class AttentionExp<TVector, TRegister>
    where TVector : struct, ICpuVector<TRegister>
    where TRegister : struct
{
    // exp(x) = 2^n * 2^f, n = round(x / ln 2), f = x / ln 2 - n in [-1/2, 1/2]; 2^f = 1 + f * q(f), q of degree 5 with the least relative
    // error (3e-9), found by exchange.
    private const float Smallest = -87f;
    private const float OneByLn2 = 1.4426950408889634f;
    private const float RoundToInteger = 12582912f + 127f;     // 1.5 * 2^23 + 127: its sum with n has n's biased exponent in the low bits
    private const float Q0 = 0.6931472420692444f;
    private const float Q1 = 0.24022652208805084f;
    private const float Q2 = 0.055503103882074356f;
    private const float Q3 = 0.009617692790925503f;
    private const float Q4 = 0.0013406643411144614f;
    private const float Q5 = 0.00015594677824992687f;

    /// <summary>exp(x) of every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TRegister Run(TRegister x)
    {
        TRegister oneByLn2 = TVector.Broadcast(OneByLn2);
        TRegister toInteger = TVector.Broadcast(RoundToInteger);
        TRegister shifted = TVector.MultiplyAdd(x, oneByLn2, toInteger);
        TRegister f = TVector.MultiplyAdd(x, oneByLn2, TVector.Subtract(toInteger, shifted));
        TRegister q = TVector.MultiplyAdd(TVector.Broadcast(Q5), f, TVector.Broadcast(Q4));
        q = TVector.MultiplyAdd(q, f, TVector.Broadcast(Q3));
        q = TVector.MultiplyAdd(q, f, TVector.Broadcast(Q2));
        q = TVector.MultiplyAdd(q, f, TVector.Broadcast(Q1));
        q = TVector.MultiplyAdd(q, f, TVector.Broadcast(Q0));
        q = TVector.MultiplyAdd(q, f, TVector.Broadcast(1));
        TRegister result = TVector.Multiply(q, TVector.ShiftToExponent(shifted));
        return TVector.SelectGreater(TVector.Broadcast(Smallest), x, TVector.Broadcast(0), result);
    }
}
