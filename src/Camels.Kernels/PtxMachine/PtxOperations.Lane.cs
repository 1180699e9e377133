using System.Numerics;

namespace Camels.Kernels;

/// <summary>What instructions compute, one lane at a time: the rarer ones.</summary>
internal static partial class PtxOperations
{
    /// <summary>A quotient; by zero all bits are set, as the hardware does.</summary>
    public readonly struct Quotient<T> : IPtxLane2<T, T, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        public static T Apply(T a, T b) => T.IsZero(b) ? ~T.Zero : IsOverflow(a, b) ? a : a / b;
    }

    public readonly struct Remainder<T> : IPtxLane2<T, T, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        public static T Apply(T a, T b) => T.IsZero(b) ? a : IsOverflow(a, b) ? T.Zero : a % b;
    }

    public readonly struct MultiplyHigh32 : IPtxLane2<uint, uint, uint>
    {
        public static uint Apply(uint a, uint b) => (uint)(((ulong)a * b) >> 32);
    }

    public readonly struct MultiplyHighSigned32 : IPtxLane2<int, int, int>
    {
        public static int Apply(int a, int b) => (int)(((long)a * b) >> 32);
    }

    public readonly struct MultiplyHigh64 : IPtxLane2<ulong, ulong, ulong>
    {
        public static ulong Apply(ulong a, ulong b) => Math.BigMul(a, b, out _);
    }

    public readonly struct MultiplyHighSigned64 : IPtxLane2<long, long, long>
    {
        public static long Apply(long a, long b) => Math.BigMul(a, b, out _);
    }

    public readonly struct MultiplyWide : IPtxLane2<uint, uint, ulong>
    {
        public static ulong Apply(uint a, uint b) => (ulong)a * b;
    }

    public readonly struct MultiplyWideSigned : IPtxLane2<int, int, long>
    {
        public static long Apply(int a, int b) => (long)a * b;
    }

    public readonly struct MultiplyAddWide : IPtxLane3<uint, uint, ulong, ulong>
    {
        public static ulong Apply(uint a, uint b, ulong c) => ((ulong)a * b) + c;
    }

    public readonly struct MultiplyAddWideSigned : IPtxLane3<int, int, long, long>
    {
        public static long Apply(int a, int b, long c) => ((long)a * b) + c;
    }

    public readonly struct MultiplyAddHigh : IPtxLane3<uint, uint, uint, uint>
    {
        public static uint Apply(uint a, uint b, uint c) => (uint)(((ulong)a * b) >> 32) + c;
    }

    public readonly struct MultiplyAddHighSigned : IPtxLane3<int, int, int, int>
    {
        public static int Apply(int a, int b, int c) => (int)(((long)a * b) >> 32) + c;
    }

    /// <summary>Shifts by more than the width give what shifting bit by bit would.</summary>
    public readonly struct ShiftLeftBy<T> : IPtxLane2<T, uint, T>
        where T : unmanaged, IBinaryInteger<T>
    {
        public static T Apply(T a, uint b) => b >= BitsOf<T>() ? T.Zero : a << (int)b;
    }

    public readonly struct ShiftRightBy<T> : IPtxLane2<T, uint, T>
        where T : unmanaged, IBinaryInteger<T>
    {
        public static T Apply(T a, uint b) => a >> (int)Math.Min(b, BitsOf<T>() - 1) >> (b >= BitsOf<T>() ? 1 : 0);
    }

    public readonly struct FunnelLeftWrap : IPtxLane3<uint, uint, uint, uint>
    {
        public static uint Apply(uint a, uint b, uint c) => (uint)(Joined(a, b) << (int)(c & 31) >> 32);
    }

    public readonly struct FunnelRightWrap : IPtxLane3<uint, uint, uint, uint>
    {
        public static uint Apply(uint a, uint b, uint c) => (uint)(Joined(a, b) >> (int)(c & 31));
    }

    public readonly struct FunnelLeftClamp : IPtxLane3<uint, uint, uint, uint>
    {
        public static uint Apply(uint a, uint b, uint c) => (uint)(Joined(a, b) << (int)Math.Min(c, 32) >> 32);
    }

    public readonly struct FunnelRightClamp : IPtxLane3<uint, uint, uint, uint>
    {
        public static uint Apply(uint a, uint b, uint c) => (uint)(Joined(a, b) >> (int)Math.Min(c, 32));
    }

    public readonly struct CountOnes : IPtxLane1<uint, uint>
    {
        public static uint Apply(uint a) => (uint)BitOperations.PopCount(a);
    }

    public readonly struct CountOnes64 : IPtxLane1<ulong, uint>
    {
        public static uint Apply(ulong a) => (uint)BitOperations.PopCount(a);
    }

    public readonly struct LeadingZeros : IPtxLane1<uint, uint>
    {
        public static uint Apply(uint a) => (uint)BitOperations.LeadingZeroCount(a);
    }

    public readonly struct LeadingZeros64 : IPtxLane1<ulong, uint>
    {
        public static uint Apply(ulong a) => (uint)BitOperations.LeadingZeroCount(a);
    }

    /// <summary>The place of the highest one; all bits where there is none.</summary>
    public readonly struct HighestOne : IPtxLane1<uint, uint>
    {
        public static uint Apply(uint a) => a == 0 ? uint.MaxValue : (uint)(31 - BitOperations.LeadingZeroCount(a));
    }

    public readonly struct ReverseBits : IPtxLane1<uint, uint>
    {
        public static uint Apply(uint a)
        {
            a = ((a >> 1) & 0x5555_5555) | ((a & 0x5555_5555) << 1);
            a = ((a >> 2) & 0x3333_3333) | ((a & 0x3333_3333) << 2);
            a = ((a >> 4) & 0x0F0F_0F0F) | ((a & 0x0F0F_0F0F) << 4);
            return System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(a);
        }
    }

    /// <summary>Each of four bytes is one of the eight of b:a, or its sign.</summary>
    public readonly struct Permute : IPtxLane3<uint, uint, uint, uint>
    {
        public static uint Apply(uint a, uint b, uint c)
        {
            ulong bytes = Joined(a, b);
            uint result = 0;
            for (int i = 0; i < 4; i++)
            {
                uint selector = (c >> (4 * i)) & 0xF;
                uint value = (uint)(bytes >> (int)(8 * (selector & 7))) & 0xFF;
                result |= ((selector & 8) == 0 ? value : (value & 0x80) != 0 ? 0xFFu : 0) << (8 * i);
            }

            return result;
        }
    }

    public readonly struct ExtractField : IPtxLane3<uint, uint, uint, uint>
    {
        public static uint Apply(uint a, uint b, uint c)
        {
            int start = (int)(b & 0xFF);
            int length = (int)(c & 0xFF);
            return start > 31 || length == 0 ? 0 : (uint)((a >> start) & ((1UL << Math.Min(length, 32)) - 1));
        }
    }

    public readonly struct ExtractFieldSigned : IPtxLane3<uint, uint, uint, uint>
    {
        public static uint Apply(uint a, uint b, uint c)
        {
            int start = (int)(b & 0xFF);
            int length = (int)(c & 0xFF);
            if (length == 0)
            {
                return 0;
            }

            int highest = Math.Min(start + length - 1, 31);
            bool isNegative = (a >> highest & 1) != 0;
            uint mask = (uint)((1UL << Math.Min(length, 32)) - 1);
            uint field = start > 31 ? 0 : a >> start & mask;
            int kept = Math.Max(0, highest - start + 1);
            return isNegative ? field | (kept >= 32 ? 0 : uint.MaxValue << kept) : field;
        }
    }

    /// <summary>Any of 256 functions of three bits, bit by bit.</summary>
    public static uint Logic(uint a, uint b, uint c, int table)
    {
        uint result = 0;
        for (int i = 0; i < 8; i++)
        {
            if ((table >> i & 1) != 0)
            {
                result |= ((i & 4) != 0 ? a : ~a) & ((i & 2) != 0 ? b : ~b) & ((i & 1) != 0 ? c : ~c);
            }
        }

        return result;
    }

    private static ulong Joined(uint low, uint high) => ((ulong)high << 32) | low;

    private static uint BitsOf<T>()
        where T : unmanaged => (uint)(8 * System.Runtime.CompilerServices.Unsafe.SizeOf<T>());

    private static bool IsOverflow<T>(T a, T b)
        where T : IBinaryInteger<T>, IMinMaxValue<T> => T.MinValue < T.Zero && a == T.MinValue && b == -T.One;
}
