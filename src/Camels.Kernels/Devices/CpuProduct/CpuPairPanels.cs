using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Camels.Kernels;

/// <summary>
/// Packing of bfloat16 in pairs: 8 or 48 vectors side by side, (pairs, width) elements of 32 bits, step 2i of k in the upper half of element i and
/// step 2i + 1 in the lower. Vectors, and a last step, that the matrix does not have are zeros.
/// </summary>
internal static unsafe class CpuPairPanels
{
    private const int Block = 8;            // vectors and pairs that are transposed in registers
    private const int Width = 16;           // elements of a register
    private const int PairsAtOnce = 64;     // over all blocks of a panel, so that what is written stays in the first cache

    /// <summary>Packs the first <paramref name="vectors"/> (at most <paramref name="width"/>) vectors of <paramref name="source"/>.</summary>
    public static void Pack(uint* panel, int width, CpuOperand source, int vectors, int pairs)
    {
        int whole = Math.Min(pairs, source.StepsLeft / 2);
        if (source.ChainOutermost)
        {
            PackRows(panel, width, source, vectors, whole);
        }
        else
        {
            for (int k = 0; k < whole; k += PairsAtOnce)
            {
                int count = Math.Min(PairsAtOnce, whole - k);
                for (int i = 0; i < width; i += Block)
                {
                    PackTransposed(panel + ((nint)k * width) + i, width, source.From(i, k), Math.Clamp(vectors - i, 0, Block), count);
                }
            }
        }

        if (whole < pairs)
        {
            PackHalf(panel + ((nint)whole * width), width, source.From(i: 0, whole), vectors);
        }
    }

    // Rows of the source are steps: two make a row of the panel.
    private static void PackRows(uint* panel, int width, CpuOperand source, int vectors, int pairs)
    {
        nint stride = source.Stride;
        ushort* first = (ushort*)source.Address;
        for (uint* end = panel + ((nint)pairs * width); panel < end; panel += width)
        {
            ushort* second = first + stride;
            int i = 0;
            for (; i <= vectors - Width; i += Width)
            {
                Vector512<uint> upper = Avx512F.ConvertToVector512UInt32(Vector256.Load(first + i)) << 16;
                (upper | Avx512F.ConvertToVector512UInt32(Vector256.Load(second + i))).Store(panel + i);
            }

            for (; i <= vectors - Block; i += Block)
            {
                Vector256<uint> upper = Avx2.ConvertToVector256Int32(Vector128.Load(first + i)).AsUInt32() << 16;
                (upper | Avx2.ConvertToVector256Int32(Vector128.Load(second + i)).AsUInt32()).Store(panel + i);
            }

            for (; i < width; i++)
            {
                panel[i] = i < vectors ? ((uint)first[i] << 16) | second[i] : 0;
            }

            first = second + stride;
        }
    }

    // One block of up to eight vectors, which becomes columns of the panel.
    private static void PackTransposed(uint* panel, int width, CpuOperand source, int vectors, int pairs)
    {
        ushort* start = (ushort*)source.Address;
        nint stride = source.Stride;
        nint k = 0;
        if (vectors == Block)
        {
            ushort* start3 = start + (3 * stride);
            ushort* start6 = start + (6 * stride);
            for (; k <= pairs - Block; k += Block)
            {
                CpuPanels.Transpose(
                    (float*)panel, width, Load(start, k), Load(start + stride, k), Load(start + (2 * stride), k), Load(start3, k),
                    Load(start3 + stride, k), Load(start3 + (2 * stride), k), Load(start6, k), Load(start6 + stride, k));
                panel += Block * width;
            }
        }

        for (; k < pairs; k++)
        {
            for (int i = 0; i < Block; i++)
            {
                panel[i] = i < vectors ? uint.RotateLeft(Unsafe.ReadUnaligned<uint>(start + (i * stride) + (2 * k)), 16) : 0;
            }

            panel += width;
        }
    }

    private static void PackHalf(uint* panel, int width, CpuOperand source, int vectors)
    {
        nint stride = source.ChainOutermost ? 1 : source.Stride;
        for (int i = 0; i < width; i++)
        {
            panel[i] = i < vectors ? (uint)((ushort*)source.Address)[i * stride] << 16 : 0;
        }
    }

    // Memory has the first step in the lower half.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Load(ushort* vector, nint pair) =>
        Avx512F.VL.RotateLeft(Vector256.Load((uint*)vector + pair), 16).AsSingle();
}
