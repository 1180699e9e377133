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
        ushort* first = (ushort*)source.Address;
        for (int k = 0; k < pairs; k++)
        {
            ushort* second = first + source.Stride;
            int i = 0;
            for (; i <= vectors - Width; i += Width)
            {
                (Avx512F.ShiftLeftLogical(Widen(first + i), 16) | Widen(second + i)).Store(panel + i);
            }

            for (; i < vectors; i++)
            {
                panel[i] = ((uint)first[i] << 16) | second[i];
            }

            new Span<uint>(panel + i, width - i).Clear();
            first = second + source.Stride;
            panel += width;
        }
    }

    // One block of up to eight vectors, which becomes columns of the panel.
    private static void PackTransposed(uint* panel, int width, CpuOperand source, int vectors, int pairs)
    {
        ushort* start = (ushort*)source.Address;
        int k = 0;
        if (vectors == Block)
        {
            for (; k <= pairs - Block; k += Block)
            {
                CpuPanels.Transpose(
                    (float*)panel, width, Load(source, 0, k), Load(source, 1, k), Load(source, 2, k), Load(source, 3, k), Load(source, 4, k),
                    Load(source, 5, k), Load(source, 6, k), Load(source, 7, k));
                panel += Block * width;
            }
        }

        for (; k < pairs; k++)
        {
            for (int i = 0; i < Block; i++)
            {
                panel[i] = i < vectors ? uint.RotateLeft(Unsafe.ReadUnaligned<uint>(start + (i * source.Stride) + (2 * k)), 16) : 0;
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Widen(ushort* source) => Avx512F.ConvertToVector512UInt32(Vector256.Load(source));

    // Memory has the first step in the lower half.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Load(CpuOperand source, nint vector, nint pair) =>
        Avx512F.VL.RotateLeft(Vector256.Load((uint*)((ushort*)source.Address + (vector * source.Stride) + (2 * pair))), 16).AsSingle();
}
