using System.Runtime.Intrinsics;

namespace Camels.Kernels;

/// <summary>Operations on 16 bits. A 16-bit register lies in 32 bits whose upper half is zero.</summary>
internal static partial class PtxOperations
{
    /// <summary>Keeps 16 bits of what 32-bit arithmetic gives.</summary>
    public readonly struct Low16<TOperation> : IPtxBinary<uint>
        where TOperation : struct, IPtxBinary<uint>
    {
        public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b) => TOperation.Apply(a, b) & Vector512.Create(0xFFFFu);
    }

    /// <summary>Extends the signs of both sources first.</summary>
    public readonly struct Signed16<TOperation> : IPtxBinary<int>
        where TOperation : struct, IPtxBinary<int>
    {
        public static Vector512<int> Apply(Vector512<int> a, Vector512<int> b) => TOperation.Apply(Extend(a), Extend(b)) & Vector512.Create(0xFFFF);
    }

    /// <summary>Extends the signs of both sources, and keeps 32 bits.</summary>
    public readonly struct Wide16<TOperation> : IPtxBinary<int>
        where TOperation : struct, IPtxBinary<int>
    {
        public static Vector512<int> Apply(Vector512<int> a, Vector512<int> b) => TOperation.Apply(Extend(a), Extend(b));
    }

    public readonly struct Compared16<TOperation> : IPtxComparison<int>
        where TOperation : struct, IPtxComparison<int>
    {
        public static Vector512<int> Apply(Vector512<int> a, Vector512<int> b) => TOperation.Apply(Extend(a), Extend(b));
    }

    public readonly struct MultiplyAdd16 : IPtxTernary<uint>
    {
        public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b, Vector512<uint> c) => ((a * b) + c) & Vector512.Create(0xFFFFu);
    }

    public readonly struct MultiplyHigh16 : IPtxBinary<uint>
    {
        public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b) => (a * b) >> 16;
    }

    public readonly struct Negate16 : IPtxUnary<uint>
    {
        public static Vector512<uint> Apply(Vector512<uint> a) => (Vector512<uint>.Zero - a) & Vector512.Create(0xFFFFu);
    }

    public readonly struct ShiftLeftBy16 : IPtxLane2<uint, uint, uint>
    {
        public static uint Apply(uint a, uint b) => b >= 16 ? 0 : a << (int)b & 0xFFFF;
    }

    public readonly struct ShiftRightBy16 : IPtxLane2<uint, uint, uint>
    {
        public static uint Apply(uint a, uint b) => b >= 16 ? 0 : a >> (int)b;
    }

    public readonly struct ShiftRightSignedBy16 : IPtxLane2<uint, uint, uint>
    {
        public static uint Apply(uint a, uint b) => (uint)((short)a >> (int)Math.Min(b, 15)) & 0xFFFF;
    }

    public readonly struct Quotient16 : IPtxLane2<uint, uint, uint>
    {
        public static uint Apply(uint a, uint b) => b == 0 ? 0xFFFF : a / b;
    }

    public readonly struct Remainder16 : IPtxLane2<uint, uint, uint>
    {
        public static uint Apply(uint a, uint b) => b == 0 ? a : a % b;
    }

    public readonly struct SignedQuotient16 : IPtxLane2<uint, uint, uint>
    {
        public static uint Apply(uint a, uint b) => b == 0 ? 0xFFFF : (uint)((short)a / (short)b) & 0xFFFF;
    }

    public readonly struct SignedRemainder16 : IPtxLane2<uint, uint, uint>
    {
        public static uint Apply(uint a, uint b) => b == 0 ? a : (uint)((short)a % (short)b) & 0xFFFF;
    }

    /// <summary>Two halves of 16 bits to a word: mov.b32 d, {low, high}.</summary>
    public readonly struct PackHalves : IPtxBinary<uint>
    {
        public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b) => (a & Vector512.Create(0xFFFFu)) | (b << 16);
    }

    /// <summary>Two words to 64 bits: mov.b64 d, {low, high}.</summary>
    public readonly struct PackWords : IPtxLane2<uint, uint, ulong>
    {
        public static ulong Apply(uint a, uint b) => ((ulong)b << 32) | a;
    }

    private static Vector512<int> Extend(Vector512<int> a) => Vector512.ShiftRightArithmetic(Vector512.ShiftLeft(a, 16), 16);
}
