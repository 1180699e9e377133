using System.Numerics;

namespace Camels.Kernels;

/// <summary>Instructions on predicates, and those that take words apart.</summary>
internal static unsafe class PtxPredicates
{
    public static uint And(byte* registers, PtxInstruction* instruction) => Read(registers, instruction->A) & Read(registers, instruction->B);

    public static uint Or(byte* registers, PtxInstruction* instruction) => Read(registers, instruction->A) | Read(registers, instruction->B);

    public static uint Xor(byte* registers, PtxInstruction* instruction) => Read(registers, instruction->A) ^ Read(registers, instruction->B);

    public static uint Not(byte* registers, PtxInstruction* instruction) => ~Read(registers, instruction->A);

    public static uint Copy(byte* registers, PtxInstruction* instruction) => Read(registers, instruction->A);

    public static uint Constant(byte* registers, PtxInstruction* instruction) => (uint)instruction->Immediate;

    public static void Logic3(byte* registers, PtxInstruction* instruction, byte* destination)
    {
        uint* a = (uint*)(registers + instruction->A);
        uint* b = (uint*)(registers + instruction->B);
        uint* c = (uint*)(registers + instruction->C);
        for (int lane = 0; lane < 32; lane++)
        {
            ((uint*)destination)[lane] = PtxOperations.Logic(a[lane], b[lane], c[lane], (int)instruction->Immediate);
        }
    }

    public static void PackFour(byte* registers, PtxInstruction* instruction, byte* destination)
    {
        for (int lane = 0; lane < 32; lane++)
        {
            ulong value = 0;
            for (int i = 0; i < 4; i++)
            {
                value |= (ulong)(ushort)((uint*)(registers + instruction->More[i]))[lane] << (16 * i);
            }

            ((ulong*)destination)[lane] = value;
        }
    }

    public static void UnpackHalves(PtxWarp warp, PtxInstruction* instruction)
    {
        uint* source = (uint*)(warp.Registers + instruction->A);
        uint* low = (uint*)(warp.Registers + instruction->More[0]);
        uint* high = (uint*)(warp.Registers + instruction->More[1]);
        for (uint bits = warp.Mask; bits != 0; bits &= bits - 1)
        {
            int lane = BitOperations.TrailingZeroCount(bits);
            uint value = source[lane];
            low[lane] = value & 0xFFFF;
            high[lane] = value >> 16;
        }
    }

    public static void UnpackWords(PtxWarp warp, PtxInstruction* instruction)
    {
        ulong* source = (ulong*)(warp.Registers + instruction->A);
        uint* low = (uint*)(warp.Registers + instruction->More[0]);
        uint* high = (uint*)(warp.Registers + instruction->More[1]);
        for (uint bits = warp.Mask; bits != 0; bits &= bits - 1)
        {
            int lane = BitOperations.TrailingZeroCount(bits);
            ulong value = source[lane];
            low[lane] = (uint)value;
            high[lane] = (uint)(value >> 32);
        }
    }

    public static void UnpackFour(PtxWarp warp, PtxInstruction* instruction)
    {
        ulong* source = (ulong*)(warp.Registers + instruction->A);
        for (uint bits = warp.Mask; bits != 0; bits &= bits - 1)
        {
            int lane = BitOperations.TrailingZeroCount(bits);
            for (int i = 0; i < 4; i++)
            {
                ((uint*)(warp.Registers + instruction->More[i]))[lane] = (ushort)(source[lane] >> (16 * i));
            }
        }
    }

    private static uint Read(byte* registers, int offset) => *(uint*)(registers + offset);
}
