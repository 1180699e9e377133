using System.Runtime.Intrinsics;

namespace Camels.Kernels;

/// <summary>What instructions compute, a vector of lanes at a time.</summary>
internal static partial class PtxOperations
{
    public readonly struct Add<T> : IPtxBinary<T>
    {
        public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => a + b;
    }

    public readonly struct Subtract<T> : IPtxBinary<T>
    {
        public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => a - b;
    }

    public readonly struct Multiply<T> : IPtxBinary<T>
    {
        public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => a * b;
    }

    public readonly struct MultiplyAdd<T> : IPtxTernary<T>
    {
        public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b, Vector512<T> c) => (a * b) + c;
    }

    public readonly struct Divide<T> : IPtxBinary<T>
    {
        public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => a / b;
    }

    public readonly struct And : IPtxBinary<uint>
    {
        public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b) => a & b;
    }

    public readonly struct Or : IPtxBinary<uint>
    {
        public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b) => a | b;
    }

    public readonly struct Xor : IPtxBinary<uint>
    {
        public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b) => a ^ b;
    }

    public readonly struct And64 : IPtxBinary<ulong>
    {
        public static Vector512<ulong> Apply(Vector512<ulong> a, Vector512<ulong> b) => a & b;
    }

    public readonly struct Or64 : IPtxBinary<ulong>
    {
        public static Vector512<ulong> Apply(Vector512<ulong> a, Vector512<ulong> b) => a | b;
    }

    public readonly struct Xor64 : IPtxBinary<ulong>
    {
        public static Vector512<ulong> Apply(Vector512<ulong> a, Vector512<ulong> b) => a ^ b;
    }

    public readonly struct Not : IPtxUnary<uint>
    {
        public static Vector512<uint> Apply(Vector512<uint> a) => ~a;
    }

    public readonly struct Not64 : IPtxUnary<ulong>
    {
        public static Vector512<ulong> Apply(Vector512<ulong> a) => ~a;
    }

    public readonly struct Not16 : IPtxUnary<uint>
    {
        public static Vector512<uint> Apply(Vector512<uint> a) => ~a & Vector512.Create(0xFFFFu);
    }

    public readonly struct Negate<T> : IPtxUnary<T>
    {
        public static Vector512<T> Apply(Vector512<T> a) => -a;
    }

    public readonly struct NegateSingle : IPtxUnary<uint>
    {
        public static Vector512<uint> Apply(Vector512<uint> a) => a ^ Vector512.Create(0x8000_0000u);
    }

    public readonly struct Absolute<T> : IPtxUnary<T>
    {
        public static Vector512<T> Apply(Vector512<T> a) => Vector512.Abs(a);
    }

    public readonly struct Min<T> : IPtxBinary<T>
    {
        public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => Vector512.Min(a, b);
    }

    public readonly struct Max<T> : IPtxBinary<T>
    {
        public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => Vector512.Max(a, b);
    }

    /// <summary>Of a number and NaN the number; -0 is below +0.</summary>
    public readonly struct MinNumber<T> : IPtxBinary<T>
    {
        public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => Vector512.MinNumber(a, b);
    }

    public readonly struct MaxNumber<T> : IPtxBinary<T>
    {
        public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => Vector512.MaxNumber(a, b);
    }

    public readonly struct Fused : IPtxTernary<float>
    {
        public static Vector512<float> Apply(Vector512<float> a, Vector512<float> b, Vector512<float> c) => Vector512.FusedMultiplyAdd(a, b, c);
    }

    public readonly struct Fused64 : IPtxTernary<double>
    {
        public static Vector512<double> Apply(Vector512<double> a, Vector512<double> b, Vector512<double> c) => Vector512.FusedMultiplyAdd(a, b, c);
    }

    public readonly struct SquareRoot<T> : IPtxUnary<T>
    {
        public static Vector512<T> Apply(Vector512<T> a) => Vector512.Sqrt(a);
    }

    public readonly struct Reciprocal : IPtxUnary<float>
    {
        public static Vector512<float> Apply(Vector512<float> a) => Vector512<float>.One / a;
    }

    public readonly struct Truncate : IPtxUnary<float>
    {
        public static Vector512<float> Apply(Vector512<float> a) => Vector512.Truncate(a);
    }

    public readonly struct Floor : IPtxUnary<float>
    {
        public static Vector512<float> Apply(Vector512<float> a) => Vector512.Floor(a);
    }

    public readonly struct Ceiling : IPtxUnary<float>
    {
        public static Vector512<float> Apply(Vector512<float> a) => Vector512.Ceiling(a);
    }

    public readonly struct ShiftLeft : IPtxShift<uint>
    {
        public static Vector512<uint> Apply(Vector512<uint> a, int count) => Vector512.ShiftLeft(a, count);
    }

    public readonly struct ShiftLeft64 : IPtxShift<ulong>
    {
        public static Vector512<ulong> Apply(Vector512<ulong> a, int count) => Vector512.ShiftLeft(a, count);
    }

    public readonly struct ShiftRight : IPtxShift<uint>
    {
        public static Vector512<uint> Apply(Vector512<uint> a, int count) => Vector512.ShiftRightLogical(a, count);
    }

    public readonly struct ShiftRight64 : IPtxShift<ulong>
    {
        public static Vector512<ulong> Apply(Vector512<ulong> a, int count) => Vector512.ShiftRightLogical(a, count);
    }

    public readonly struct ShiftRightSigned : IPtxShift<int>
    {
        public static Vector512<int> Apply(Vector512<int> a, int count) => Vector512.ShiftRightArithmetic(a, count);
    }

    public readonly struct Equal<T> : IPtxComparison<T>
    {
        public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => Vector512.Equals(a, b);
    }

    public readonly struct NotEqual<T> : IPtxComparison<T>
    {
        public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => ~Vector512.Equals(a, b);
    }

    /// <summary>Different, and both numbers.</summary>
    public readonly struct LessOrGreater<T> : IPtxComparison<T>
    {
        public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => Vector512.LessThan(a, b) | Vector512.GreaterThan(a, b);
    }

    public readonly struct Less<T> : IPtxComparison<T>
    {
        public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => Vector512.LessThan(a, b);
    }

    public readonly struct LessOrEqual<T> : IPtxComparison<T>
    {
        public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => Vector512.LessThanOrEqual(a, b);
    }

    /// <summary>Holds where the other one does not: for numbers not greater, and for NaN.</summary>
    public readonly struct Unordered<TOperation, T> : IPtxComparison<T>
        where TOperation : struct, IPtxComparison<T>
    {
        public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => ~TOperation.Apply(b, a);
    }

    /// <summary>The same with the sources exchanged: greater for less.</summary>
    public readonly struct Swapped<TOperation, T> : IPtxComparison<T>
        where TOperation : struct, IPtxComparison<T>
    {
        public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => TOperation.Apply(b, a);
    }

    /// <summary>Both are numbers.</summary>
    public readonly struct AreNumbers<T> : IPtxComparison<T>
    {
        public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => Vector512.Equals(a, a) & Vector512.Equals(b, b);
    }

    public readonly struct IsNaN<T> : IPtxComparison<T>
    {
        public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => ~(Vector512.Equals(a, a) & Vector512.Equals(b, b));
    }

    /// <summary>Subnormal numbers become zero, sources and result.</summary>
    public readonly struct Flushed2<TOperation> : IPtxBinary<float>
        where TOperation : struct, IPtxBinary<float>
    {
        public static Vector512<float> Apply(Vector512<float> a, Vector512<float> b) => Flush(TOperation.Apply(Flush(a), Flush(b)));
    }

    public readonly struct Flushed1<TOperation> : IPtxUnary<float>
        where TOperation : struct, IPtxUnary<float>
    {
        public static Vector512<float> Apply(Vector512<float> a) => Flush(TOperation.Apply(Flush(a)));
    }

    public readonly struct Flushed3<TOperation> : IPtxTernary<float>
        where TOperation : struct, IPtxTernary<float>
    {
        public static Vector512<float> Apply(Vector512<float> a, Vector512<float> b, Vector512<float> c) =>
            Flush(TOperation.Apply(Flush(a), Flush(b), Flush(c)));
    }

    private static Vector512<float> Flush(Vector512<float> a)
    {
        Vector512<uint> bits = a.AsUInt32();
        Vector512<uint> isSubnormal = Vector512.Equals(bits & Vector512.Create(0x7F80_0000u), Vector512<uint>.Zero);
        return Vector512.ConditionalSelect(isSubnormal, bits & Vector512.Create(0x8000_0000u), bits).AsSingle();
    }
}
