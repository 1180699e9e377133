using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Camels.Kernels;

/// <summary>A 16-bit type that tensor cores multiply; two of them lie in a word.</summary>
internal interface IPtxHalf
{
    /// <summary>The lower halves of words as singles.</summary>
    static abstract Vector512<float> Low(Vector512<uint> words);

    /// <summary>The upper halves.</summary>
    static abstract Vector512<float> High(Vector512<uint> words);

    static abstract float Widen(ushort bits);
}

internal readonly struct PtxBFloat16Half : IPtxHalf
{
    public static Vector512<float> Low(Vector512<uint> words) => (words << 16).AsSingle();

    public static Vector512<float> High(Vector512<uint> words) => (words & Vector512.Create(0xFFFF_0000u)).AsSingle();

    public static float Widen(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);
}

internal readonly struct PtxFloat16Half : IPtxHalf
{
    public static Vector512<float> Low(Vector512<uint> words) => Convert(words & Vector512.Create(0xFFFFu));

    public static Vector512<float> High(Vector512<uint> words) => Convert(words >> 16);

    public static float Widen(ushort bits) => (float)BitConverter.UInt16BitsToHalf(bits);

    // Exponent and mantissa moved to where a single has them, and the difference of the two biases (112) multiplied in, which also makes
    // subnormal numbers normal; what was infinite or NaN gets the highest exponent.
    private static Vector512<float> Convert(Vector512<uint> bits)
    {
        Vector512<uint> sign = (bits & Vector512.Create(0x8000u)) << 16;
        Vector512<uint> magnitude = (bits & Vector512.Create(0x7FFFu)) << 13;
        Vector512<uint> isSpecial = Vector512.GreaterThanOrEqual(magnitude, Vector512.Create(0x7C00u << 13));
        Vector512<float> scaled = magnitude.AsSingle() * Vector512.Create(BitConverter.UInt32BitsToSingle((127u + 112u) << 23));
        Vector512<uint> result = Vector512.ConditionalSelect(isSpecial, magnitude | Vector512.Create(0x7F80_0000u), scaled.AsUInt32());
        return (result | sign).AsSingle();
    }
}

/// <summary>mma and ldmatrix: products of fragments that lie spread over the lanes of a warp.</summary>
internal static unsafe class PtxTensorCore
{
    private const int Lanes = 32;

    /// <summary>
    /// mma.m16n8k16: D = A B + C in fp32, added in the order of k with one rounding each. More: 4 D, 4 A, 2 B, 4 C.
    /// Lane 4g + q holds of A the columns 2q, 2q+1 of rows g and g+8, of B the rows 2q, 2q+1 of column g, of C the columns 2q, 2q+1.
    /// </summary>
    public static void Multiply<THalf>(PtxWarp warp, PtxInstruction* instruction)
        where THalf : struct, IPtxHalf
    {
        warp.RequireFull();
        warp.Block.Counters.TensorInstructions++;
        byte* registers = warp.Registers;
        int* operands = instruction->More;

        // Halves as singles: A as 4 registers x 2 halves x 32 lanes, then B as 2 x 2 x 32.
        float* a = (float*)warp.Exchange;
        float* b = a + (8 * Lanes);
        for (int i = 0; i < 6; i++)
        {
            uint* words = (uint*)(registers + operands[4 + i]);
            for (int lane = 0; lane < Lanes; lane += 16)
            {
                Vector512<uint> word = Vector512.Load(words + lane);
                THalf.Low(word).Store(a + (2 * i * Lanes) + lane);
                THalf.High(word).Store(a + (((2 * i) + 1) * Lanes) + lane);
            }
        }

        for (int lane = 0; lane < Lanes; lane += 16)
        {
            MultiplyHalfWarp(registers, operands, a + lane, b, lane);
        }
    }

    /// <summary>ldmatrix: lane i gives the address of row i % 8 of matrix i / 8; lane 4r + q gets elements 2q, 2q+1 of row r.</summary>
    public static void LoadMatrices(PtxWarp warp, PtxInstruction* instruction)
    {
        ulong* addresses = warp.ResolveRows(instruction, out nint delta);
        for (int matrix = 0; matrix < instruction->Count; matrix++)
        {
            byte* destination = warp.Registers + instruction->More[matrix];
            for (int row = 0; row < 8; row++)
            {
                byte* source = (byte*)((nint)addresses[(8 * matrix) + row] + delta);
                Vector128.Load(source).Store(destination + (16 * row));
            }
        }
    }

    /// <summary>ldmatrix.trans: lane 4r + q gets column r of rows 2q, 2q+1.</summary>
    public static void LoadTransposed(PtxWarp warp, PtxInstruction* instruction)
    {
        ulong* addresses = warp.ResolveRows(instruction, out nint delta);
        for (int matrix = 0; matrix < instruction->Count; matrix++)
        {
            uint* destination = (uint*)(warp.Registers + instruction->More[matrix]);
            for (int q = 0; q < 4; q++)
            {
                ushort* even = (ushort*)((nint)addresses[(8 * matrix) + (2 * q)] + delta);
                ushort* odd = (ushort*)((nint)addresses[(8 * matrix) + (2 * q) + 1] + delta);
                for (int r = 0; r < 8; r++)
                {
                    destination[(4 * r) + q] = even[r] | ((uint)odd[r] << 16);
                }
            }
        }
    }

    // 16 lanes at once: 4 rows g of each of the two halves of the rows, all 8 columns. In step k all lanes of row g multiply by A[g][k],
    // which one lane of the four holds, and lane q multiplies columns 2q and 2q + 1, which all rows share.
    private static void MultiplyHalfWarp(byte* registers, int* operands, float* a, float* b, int lane)
    {
        Vector512<float> c0 = Vector512.Load((float*)(registers + operands[10]) + lane);
        Vector512<float> c1 = Vector512.Load((float*)(registers + operands[11]) + lane);
        Vector512<float> c2 = Vector512.Load((float*)(registers + operands[12]) + lane);
        Vector512<float> c3 = Vector512.Load((float*)(registers + operands[13]) + lane);
        for (int half = 0; half < 2; half++)
        {
            float* upper = a + (4 * half * Lanes);
            float* columns = b + (2 * half * Lanes);
            for (int q = 0; q < 4; q++)
            {
                for (int odd = 0; odd < 2; odd++)
                {
                    Vector512<float> top = SpreadOfFour(Vector512.Load(upper + (odd * Lanes)), q);
                    Vector512<float> bottom = SpreadOfFour(Vector512.Load(upper + ((2 + odd) * Lanes)), q);
                    float* column = columns + (odd * Lanes) + q;
                    Vector512<float> even = Repeat(Vector128.Create(column[0], column[8], column[16], column[24]));
                    Vector512<float> uneven = Repeat(Vector128.Create(column[4], column[12], column[20], column[28]));
                    c0 = Vector512.FusedMultiplyAdd(top, even, c0);
                    c1 = Vector512.FusedMultiplyAdd(top, uneven, c1);
                    c2 = Vector512.FusedMultiplyAdd(bottom, even, c2);
                    c3 = Vector512.FusedMultiplyAdd(bottom, uneven, c3);
                }
            }
        }

        c0.Store((float*)(registers + operands[0]) + lane);
        c1.Store((float*)(registers + operands[1]) + lane);
        c2.Store((float*)(registers + operands[2]) + lane);
        c3.Store((float*)(registers + operands[3]) + lane);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Repeat(Vector128<float> four)
    {
        Vector256<float> eight = Vector256.Create(four, four);
        return Vector512.Create(eight, eight);
    }

    // Of each four lanes the one number q, in all four.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> SpreadOfFour(Vector512<float> lanes, int q)
    {
        if (Avx512F.IsSupported)
        {
            return q switch
            {
                0 => Avx512F.Permute4x32(lanes, 0b00_00_00_00),
                1 => Avx512F.Permute4x32(lanes, 0b01_01_01_01),
                2 => Avx512F.Permute4x32(lanes, 0b10_10_10_10),
                _ => Avx512F.Permute4x32(lanes, 0b11_11_11_11),
            };
        }

        return Vector512.Create(
            Vector256.Create(Vector128.Create(lanes[q]), Vector128.Create(lanes[4 + q])),
            Vector256.Create(Vector128.Create(lanes[8 + q]), Vector128.Create(lanes[12 + q])));
    }
}
