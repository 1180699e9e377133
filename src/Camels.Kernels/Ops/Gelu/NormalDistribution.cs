using System.Numerics;
using System.Runtime.CompilerServices;

namespace Camels.Kernels.Ops;

/// <summary>
/// The normal distribution P(x) = (1 + erf(x / sqrt(2))) / 2 and its density in single precision, exact to about two units in the last place
/// in the lower tail too. Both overloads do the same operations, so that a vector's lanes and a scalar tail have the same bits.
/// </summary>
internal static class NormalDistribution
{
    // The tail beyond t ≥ 0 is exp(−t² / 2) * u * g(u), u = 1 / (1 + c t): g is nearly constant, a polynomial of degree 9 with the least
    // relative error for t ≤ 14.5 (3.5e-9), found by exchange. From t = 14.5 on, exp(−t² / 2) is 0.
    private const float Contraction = 0.3f;
    private const float LargestT = 20f;
    private const float OneByRootOfTau = 0.3989422804014327f;
    private const float G0 = 0.11968669295310974f;
    private const float G1 = 0.11957181990146637f;
    private const float G2 = 0.11023543030023575f;
    private const float G3 = 0.07838964462280273f;
    private const float G4 = 0.09615685045719147f;
    private const float G5 = -0.07942354679107666f;
    private const float G6 = 0.19178460538387299f;
    private const float G7 = -0.22821368277072906f;
    private const float G8 = 0.11243566870689392f;
    private const float G9 = -0.020623482763767242f;

    /// <summary>P(x) and its density exp(−x² / 2) / sqrt(2π).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Of(float x, out float density)
    {
        float t = float.MinNative(LargestT, MathF.Abs(x));      // NaN stays
        float square = t * t;
        float rest = MathF.FusedMultiplyAdd(t, t, -square);
        float exp = CpuMath.Exp(-0.5f * square);
        exp = MathF.FusedMultiplyAdd(exp, -0.5f * rest, exp);
        density = exp * OneByRootOfTau;

        float u = 1 / MathF.FusedMultiplyAdd(Contraction, t, 1);
        float g = MathF.FusedMultiplyAdd(G9, u, G8);
        g = MathF.FusedMultiplyAdd(g, u, G7);
        g = MathF.FusedMultiplyAdd(g, u, G6);
        g = MathF.FusedMultiplyAdd(g, u, G5);
        g = MathF.FusedMultiplyAdd(g, u, G4);
        g = MathF.FusedMultiplyAdd(g, u, G3);
        g = MathF.FusedMultiplyAdd(g, u, G2);
        g = MathF.FusedMultiplyAdd(g, u, G1);
        g = MathF.FusedMultiplyAdd(g, u, G0);
        float tail = exp * (u * g);
        return x < 0 ? tail : 1 - tail;
    }

    /// <summary>The same of every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Of(Vector<float> x, out Vector<float> density)
    {
        Vector<float> t = Vector.MinNative(new Vector<float>(LargestT), Vector.Abs(x));
        Vector<float> square = t * t;
        Vector<float> rest = Vector.FusedMultiplyAdd(t, t, -square);
        Vector<float> exp = CpuMath.Exp(square * -0.5f);
        exp = Vector.FusedMultiplyAdd(exp, rest * -0.5f, exp);
        density = exp * OneByRootOfTau;

        Vector<float> u = Vector<float>.One / Vector.FusedMultiplyAdd(new Vector<float>(Contraction), t, Vector<float>.One);
        Vector<float> g = Vector.FusedMultiplyAdd(new Vector<float>(G9), u, new Vector<float>(G8));
        g = Vector.FusedMultiplyAdd(g, u, new Vector<float>(G7));
        g = Vector.FusedMultiplyAdd(g, u, new Vector<float>(G6));
        g = Vector.FusedMultiplyAdd(g, u, new Vector<float>(G5));
        g = Vector.FusedMultiplyAdd(g, u, new Vector<float>(G4));
        g = Vector.FusedMultiplyAdd(g, u, new Vector<float>(G3));
        g = Vector.FusedMultiplyAdd(g, u, new Vector<float>(G2));
        g = Vector.FusedMultiplyAdd(g, u, new Vector<float>(G1));
        g = Vector.FusedMultiplyAdd(g, u, new Vector<float>(G0));
        Vector<float> tail = exp * (u * g);
        return Vector.ConditionalSelect(Vector.LessThan(x, Vector<float>.Zero), tail, Vector<float>.One - tail);
    }
}
