using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Camels.Kernels;

/// <summary>The products of a warpgroup: 64 rows, 16 of each warp, times 16 steps of k, from shared memory as descriptors say.</summary>
internal static unsafe class PtxWarpgroup
{
    /// <summary>Steps of k in one product.</summary>
    public const int Depth = 16;

    private const int MostColumns = 256;
    private const int Rows = 16;

    [ThreadStatic]
    private static float[]? _room;

    /// <summary>A factor in shared memory. Offsets are those of groups of 8 rows and of 64 columns, as the layout has it.</summary>
    /// <param name="Start">The first byte.</param>
    /// <param name="LeadingBytes">Between neighbours along the dimension that lies along the rows.</param>
    /// <param name="StrideBytes">Between groups of 8 rows.</param>
    /// <param name="SwizzleBytes">Bytes within which chunks of 16 are permuted.</param>
    internal readonly record struct Factor(uint Start, uint LeadingBytes, uint StrideBytes, int SwizzleBytes)
    {
        public static Factor Of(ulong descriptor) => new(
            (uint)(descriptor & 0x3FFF) << 4,
            (uint)(descriptor >> 16 & 0x3FFF) << 4,
            (uint)(descriptor >> 32 & 0x3FFF) << 4,
            (int)(descriptor >> 62) switch
            {
                1 => 128,
                2 => 64,
                3 => 32,
                _ => 0,
            });

        /// <summary>Where 8 elements lie that follow each other along a row: of element (i, k) of the factor, 16 bytes.</summary>
        public uint ChunkAt(int i, int k, bool hasKInRows)
        {
            // Rows are i and lie along k, or rows are k and lie along i.
            int row = hasKInRows ? k : i;
            int along = hasKInRows ? i : k;
            int perRow = SwizzleBytes == 0 ? 8 : SwizzleBytes / 2;
            uint rowBytes = (uint)(2 * perRow);
            uint address = Start + ((uint)(row / 8) * StrideBytes) + ((uint)(row % 8) * rowBytes)
                + ((uint)(along / perRow) * LeadingBytes) + ((uint)(along % perRow) * 2);
            return PtxTensorMap.Swizzle(address, SwizzleBytes);
        }
    }

    /// <summary>Makes the products of the next group for all four warps.</summary>
    public static void MakeGroup(PtxWarp warp, ReadOnlySpan<PtxWarp> together)
    {
        PtxProducts.Request[][] groups = new PtxProducts.Request[together.Length][];
        for (int w = 0; w < together.Length; w++)
        {
            groups[w] = together[w].Products.TakeGroup();
            if (groups[w].Length != groups[0].Length)
            {
                throw warp.Fail(PtxFault.Divergence, "the warps of a warpgroup ask for different products");
            }
        }

        for (int i = 0; i < groups[0].Length; i++)
        {
            Make(together, groups, i);
        }
    }

    /// <summary>Tells the race check what a product will read for one warp: its rows of the left factor and all of the right one.</summary>
    public static void Observe(PtxWarp warp, PtxInstruction* instruction, ulong left, ulong right, int group)
    {
        int columns = instruction->Count;
        int* flags = instruction->More + (columns / 2);
        if (flags[3] < 0)
        {
            Observe(warp, instruction, Factor.Of(left), Rows * (warp.Index % PtxProducts.Warps), Rows, flags[1] != 0, group);
        }

        Observe(warp, instruction, Factor.Of(right), first: 0, columns, flags[2] != 0, group);
    }

    private static void Observe(PtxWarp warp, PtxInstruction* instruction, Factor factor, int first, int count, bool hasKInRows, int group)
    {
        for (int i = first; i < first + count; i += hasKInRows ? 8 : 1)
        {
            for (int k = 0; k < Depth; k += hasKInRows ? 1 : 8)
            {
                ushort* place = ElementsAt(warp, instruction, factor, i, k, hasKInRows);
                warp.Block.Checks!.IssueProductRead(warp, (uint)((byte*)place - warp.Block.Shared) + PtxBlock.SharedStart, group);
            }
        }
    }

    private static void Make(ReadOnlySpan<PtxWarp> together, PtxProducts.Request[][] groups, int index)
    {
        PtxProducts.Request request = groups[0][index];
        PtxInstruction* instruction = (PtxInstruction*)request.Instruction;
        int columns = request.Sums.Columns;
        _room ??= GC.AllocateUninitializedArray<float>(Depth * (MostColumns + Rows), pinned: true);
        float* right = (float*)Unsafe.AsPointer(ref _room[0]);
        float* left = right + (Depth * MostColumns);
        bool isBFloat16 = instruction->More[columns / 2] != 0;
        ReadRight(together[0], instruction, Factor.Of(request.Right), columns, instruction->More[(columns / 2) + 2] != 0, isBFloat16, right);
        for (int w = 0; w < together.Length; w++)
        {
            PtxProducts.Request own = groups[w][index];
            bool isSame = own.Instruction == request.Instruction && own.Left == request.Left && own.Right == request.Right && own.Adds == request.Adds;
            if (!isSame)
            {
                throw together[w].Fail(PtxFault.Divergence, "the warps of a warpgroup ask for different products", lane: -1, instruction);
            }

            ReadLeft(together[w], instruction, Factor.Of(request.Left), w, instruction->More[(columns / 2) + 1] != 0, isBFloat16, left);
            fixed (float* sums = own.Sums.Values)
            {
                MultiplyAdd(sums, left, right, columns, own.Adds);
            }

            own.Sums.Pending--;
        }
    }

    // 16 rows of the left factor, row by row: from shared memory, or from the warp's registers (A of mma, four of them behind the others).
    private static void ReadLeft(PtxWarp warp, PtxInstruction* instruction, Factor factor, int warpInGroup, bool hasKInRows, bool isBFloat16, float* left)
    {
        int* own = instruction->More + (instruction->Count / 2) + 3;
        if (own[0] >= 0)
        {
            ReadRegisters(warp, own, isBFloat16, left);
            return;
        }

        int first = Rows * warpInGroup;
        if (hasKInRows)
        {
            for (int k = 0; k < Depth; k++)
            {
                for (int chunk = 0; chunk < 2; chunk++)
                {
                    ushort* source = ElementsAt(warp, instruction, factor, first + (8 * chunk), k, hasKInRows);
                    for (int i = 0; i < 8; i++)
                    {
                        left[(((8 * chunk) + i) * Depth) + k] = Widen(source[i], isBFloat16);
                    }
                }
            }

            return;
        }

        for (int row = 0; row < Rows; row++)
        {
            for (int chunk = 0; chunk < 2; chunk++)
            {
                ushort* source = ElementsAt(warp, instruction, factor, first + row, 8 * chunk, hasKInRows);
                for (int k = 0; k < 8; k++)
                {
                    left[(row * Depth) + (8 * chunk) + k] = Widen(source[k], isBFloat16);
                }
            }
        }
    }

    private static void ReadRegisters(PtxWarp warp, int* own, bool isBFloat16, float* left)
    {
        for (int r = 0; r < 4; r++)
        {
            uint* words = (uint*)(warp.Registers + own[r]);
            for (int lane = 0; lane < 32; lane++)
            {
                int row = (lane / 4) + (r % 2 * 8);
                int column = (2 * (lane % 4)) + (r / 2 * 8);
                left[(row * Depth) + column] = Widen((ushort)words[lane], isBFloat16);
                left[(row * Depth) + column + 1] = Widen((ushort)(words[lane] >> 16), isBFloat16);
            }
        }
    }

    // The right factor as rows of k.
    private static void ReadRight(
        PtxWarp warp, PtxInstruction* instruction, Factor factor, int columns, bool hasKInRows, bool isBFloat16, float* right)
    {
        if (hasKInRows)
        {
            for (int k = 0; k < Depth; k++)
            {
                for (int column = 0; column < columns; column += 8)
                {
                    ushort* source = ElementsAt(warp, instruction, factor, column, k, hasKInRows);
                    for (int i = 0; i < 8; i++)
                    {
                        right[(k * columns) + column + i] = Widen(source[i], isBFloat16);
                    }
                }
            }

            return;
        }

        for (int column = 0; column < columns; column++)
        {
            for (int chunk = 0; chunk < 2; chunk++)
            {
                ushort* source = ElementsAt(warp, instruction, factor, column, 8 * chunk, hasKInRows);
                for (int k = 0; k < 8; k++)
                {
                    right[(((8 * chunk) + k) * columns) + column] = Widen(source[k], isBFloat16);
                }
            }
        }
    }

    private static ushort* ElementsAt(PtxWarp warp, PtxInstruction* instruction, Factor factor, int i, int k, bool hasKInRows)
    {
        uint address = factor.ChunkAt(i, k, hasKInRows);
        return address >= PtxBlock.SharedStart && address + 16 <= PtxBlock.SharedStart + (uint)warp.Block.SharedBytes
            ? (ushort*)(warp.Block.Shared + (address - PtxBlock.SharedStart))
            : throw warp.Fail(
                PtxFault.OutOfBounds, $"the descriptor leads to 16 bytes at shared address {address}: the block has bytes {PtxBlock.SharedStart} to "
                + $"{PtxBlock.SharedStart + warp.Block.SharedBytes - 1}", lane: -1, instruction);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Widen(ushort bits, bool isBFloat16) => isBFloat16 ? PtxBFloat16Half.Widen(bits) : PtxFloat16Half.Widen(bits);

    // Each sum takes its 16 products in the order of k, as mma does.
    private static void MultiplyAdd(float* sums, float* left, float* right, int columns, bool adds)
    {
        if (!adds)
        {
            new Span<float>(sums, Rows * columns).Clear();
        }

        int column = 0;
        for (; column + 16 <= columns; column += 16)
        {
            for (int row = 0; row < Rows; row += 4)
            {
                float* sum = sums + (row * columns) + column;
                float* a = left + (row * Depth);
                Vector512<float> c0 = Vector512.Load(sum);
                Vector512<float> c1 = Vector512.Load(sum + columns);
                Vector512<float> c2 = Vector512.Load(sum + (2 * columns));
                Vector512<float> c3 = Vector512.Load(sum + (3 * columns));
                for (int k = 0; k < Depth; k++)
                {
                    Vector512<float> b = Vector512.Load(right + (k * columns) + column);
                    c0 = Vector512.FusedMultiplyAdd(Vector512.Create(a[k]), b, c0);
                    c1 = Vector512.FusedMultiplyAdd(Vector512.Create(a[Depth + k]), b, c1);
                    c2 = Vector512.FusedMultiplyAdd(Vector512.Create(a[(2 * Depth) + k]), b, c2);
                    c3 = Vector512.FusedMultiplyAdd(Vector512.Create(a[(3 * Depth) + k]), b, c3);
                }

                c0.Store(sum);
                c1.Store(sum + columns);
                c2.Store(sum + (2 * columns));
                c3.Store(sum + (3 * columns));
            }
        }

        for (; column < columns; column++)
        {
            for (int row = 0; row < Rows; row++)
            {
                float sum = sums[(row * columns) + column];
                for (int k = 0; k < Depth; k++)
                {
                    sum = MathF.FusedMultiplyAdd(left[(row * Depth) + k], right[(k * columns) + column], sum);
                }

                sums[(row * columns) + column] = sum;
            }
        }
    }

    /// <summary>setmaxnreg: Immediate registers for each thread of the warpgroup.</summary>
    public static void LimitRegisters(PtxWarp warp, PtxInstruction* instruction)
    {
        warp.RequireFull();
        warp.RegisterLimit = (int)instruction->Immediate;
    }
}
