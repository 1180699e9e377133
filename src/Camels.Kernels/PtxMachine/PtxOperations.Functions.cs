using System.Runtime.Intrinsics;

namespace Camels.Kernels;

/// <summary>
/// The approximations of the hardware. Here they are computed in double precision and rounded, which is inside the documented errors: kernels
/// are tested with the best that the hardware may do, and have to allow for its worst in their tolerances.
/// </summary>
internal static partial class PtxOperations
{
    /// <summary>2^x: 2^n times a polynomial for 2^f, f within half of zero. The same operations on every processor, so the same bits.</summary>
    public readonly struct Exponential : IPtxUnary<float>
    {
        // ln(2)^k / k!
        private const double C1 = 0.69314718055994530942;
        private const double C2 = C1 * C1 / 2;
        private const double C3 = C2 * C1 / 3;
        private const double C4 = C3 * C1 / 4;
        private const double C5 = C4 * C1 / 5;
        private const double C6 = C5 * C1 / 6;
        private const double C7 = C6 * C1 / 7;
        private const double C8 = C7 * C1 / 8;
        private const double C9 = C8 * C1 / 9;
        private const double C10 = C9 * C1 / 10;
        private const double C11 = C10 * C1 / 11;

        public static Vector512<float> Apply(Vector512<float> a)
        {
            (Vector512<double> lower, Vector512<double> upper) = Vector512.Widen(a);
            Vector512<float> result = Vector512.Narrow(Power(lower), Power(upper));
            return Vector512.ConditionalSelect(Vector512.Equals(a, a), result, a);
        }

        private static Vector512<double> Power(Vector512<double> x)
        {
            // Beyond these a single is 0 or infinite.
            x = Vector512.Min(Vector512.Max(x, Vector512.Create(-200.0)), Vector512.Create(200.0));
            Vector512<double> whole = Vector512.Round(x);
            Vector512<double> f = x - whole;
            Vector512<double> p = Vector512.Create(C11);
            p = (p * f) + Vector512.Create(C10);
            p = (p * f) + Vector512.Create(C9);
            p = (p * f) + Vector512.Create(C8);
            p = (p * f) + Vector512.Create(C7);
            p = (p * f) + Vector512.Create(C6);
            p = (p * f) + Vector512.Create(C5);
            p = (p * f) + Vector512.Create(C4);
            p = (p * f) + Vector512.Create(C3);
            p = (p * f) + Vector512.Create(C2);
            p = (p * f) + Vector512.Create(C1);
            p = (p * f) + Vector512<double>.One;

            // 2^n: 1.5 * 2^52 + n has n in its lowest bits.
            Vector512<long> n = (whole + Vector512.Create(6755399441055744.0)).AsInt64();
            return p * ((n + Vector512.Create(1023L)) << 52).AsDouble();
        }
    }

    public readonly struct ReciprocalRoot : IPtxUnary<float>
    {
        public static Vector512<float> Apply(Vector512<float> a)
        {
            (Vector512<double> lower, Vector512<double> upper) = Vector512.Widen(a);
            return Vector512.Narrow(Vector512<double>.One / Vector512.Sqrt(lower), Vector512<double>.One / Vector512.Sqrt(upper));
        }
    }

    public readonly struct Logarithm : IPtxLane1<float, float>
    {
        public static float Apply(float a) => (float)Math.Log2(a);
    }

    public readonly struct FlushedLogarithm : IPtxLane1<float, float>
    {
        public static float Apply(float a) => (float)Math.Log2(float.IsSubnormal(a) ? MathF.CopySign(0, a) : a);
    }

    public readonly struct Sine : IPtxLane1<float, float>
    {
        public static float Apply(float a) => (float)Math.Sin(a);
    }

    public readonly struct Cosine : IPtxLane1<float, float>
    {
        public static float Apply(float a) => (float)Math.Cos(a);
    }

    public readonly struct HyperbolicTangent : IPtxLane1<float, float>
    {
        public static float Apply(float a) => (float)Math.Tanh(a);
    }

    public readonly struct CopySign : IPtxBinary<uint>
    {
        // PTX: the sign of the first source with the magnitude of the second.
        public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b) =>
            (a & Vector512.Create(0x8000_0000u)) | (b & Vector512.Create(0x7FFF_FFFFu));
    }
}
