using System.Numerics;

namespace Camels.Kernels;

/// <summary>Where an access goes, as a type, so that the compiler makes one method for each.</summary>
internal interface IPtxSpace
{
    static abstract PtxSpace Space { get; }
}

internal readonly struct PtxGlobalSpace : IPtxSpace
{
    public static PtxSpace Space => PtxSpace.Global;
}

internal readonly struct PtxSharedSpace : IPtxSpace
{
    public static PtxSpace Space => PtxSpace.Shared;
}

internal readonly struct PtxParameterSpace : IPtxSpace
{
    public static PtxSpace Space => PtxSpace.Parameter;
}

internal readonly struct PtxGenericSpace : IPtxSpace
{
    public static PtxSpace Space => PtxSpace.Generic;
}

/// <summary>ld, st, red and atom.</summary>
internal static unsafe class PtxAccesses
{
    /// <summary>ld: <see cref="PtxInstruction.Count"/> elements a lane, widened to the register.</summary>
    public static void Load<TSpace, T, TRegister>(PtxWarp warp, PtxInstruction* instruction)
        where TSpace : struct, IPtxSpace
        where T : unmanaged, IBinaryInteger<T>
        where TRegister : unmanaged, IBinaryInteger<TRegister>
    {
        ulong* addresses = warp.ComputeAddresses(instruction);
        int count = instruction->Count;
        nint delta = warp.Resolve(TSpace.Space, addresses, count * sizeof(T), isWrite: false);
        byte* registers = warp.Registers;
        if (count == 1)
        {
            TRegister* destination = (TRegister*)(registers + instruction->D);
            if (warp.Mask == uint.MaxValue)
            {
                for (int lane = 0; lane < 32; lane++)
                {
                    destination[lane] = TRegister.CreateTruncating(*(T*)((nint)addresses[lane] + delta));
                }

                return;
            }

            for (uint bits = warp.Mask; bits != 0; bits &= bits - 1)
            {
                int lane = BitOperations.TrailingZeroCount(bits);
                destination[lane] = TRegister.CreateTruncating(*(T*)((nint)addresses[lane] + delta));
            }

            return;
        }

        for (int element = 0; element < count; element++)
        {
            TRegister* destination = (TRegister*)(registers + instruction->More[element]);
            for (uint bits = warp.Mask; bits != 0; bits &= bits - 1)
            {
                int lane = BitOperations.TrailingZeroCount(bits);
                destination[lane] = TRegister.CreateTruncating(((T*)((nint)addresses[lane] + delta))[element]);
            }
        }
    }

    /// <summary>st: the lower bits of the registers. Lanes are in order, so of two that write to one place the later one stays.</summary>
    public static void Store<TSpace, T, TRegister>(PtxWarp warp, PtxInstruction* instruction)
        where TSpace : struct, IPtxSpace
        where T : unmanaged, IBinaryInteger<T>
        where TRegister : unmanaged, IBinaryInteger<TRegister>
    {
        ulong* addresses = warp.ComputeAddresses(instruction);
        int count = instruction->Count;
        nint delta = warp.Resolve(TSpace.Space, addresses, count * sizeof(T), isWrite: true);
        byte* registers = warp.Registers;
        for (int element = 0; element < count; element++)
        {
            TRegister* source = (TRegister*)(registers + instruction->More[element]);
            for (uint bits = warp.Mask; bits != 0; bits &= bits - 1)
            {
                int lane = BitOperations.TrailingZeroCount(bits);
                ((T*)((nint)addresses[lane] + delta))[element] = T.CreateTruncating(source[lane]);
            }
        }
    }

    /// <summary>atom on 32 bits: D is what was there before.</summary>
    public static void Atomic<TSpace, TOperation>(PtxWarp warp, PtxInstruction* instruction)
        where TSpace : struct, IPtxSpace
        where TOperation : struct, IPtxLane3<uint, uint, uint, uint>
    {
        ulong* addresses = warp.ComputeAddresses(instruction);
        nint delta = warp.ResolveAtomic(TSpace.Space, addresses);
        byte* registers = warp.Registers;
        uint* destination = (uint*)(registers + instruction->D);
        uint* b = (uint*)(registers + instruction->B);
        uint* c = (uint*)(registers + instruction->C);
        for (uint bits = warp.Mask; bits != 0; bits &= bits - 1)
        {
            int lane = BitOperations.TrailingZeroCount(bits);
            ref uint place = ref *(uint*)((nint)addresses[lane] + delta);
            uint before;
            do
            {
                before = Volatile.Read(ref place);
            }
            while (Interlocked.CompareExchange(ref place, TOperation.Apply(before, b[lane], c[lane]), before) != before);
            destination[lane] = before;
        }
    }
}

/// <summary>What atomics put in the place of what was there: (before, first source, second source).</summary>
internal static class PtxAtomics
{
    public readonly struct Add : IPtxLane3<uint, uint, uint, uint>
    {
        public static uint Apply(uint a, uint b, uint c) => a + b;
    }

    public readonly struct Max : IPtxLane3<uint, uint, uint, uint>
    {
        public static uint Apply(uint a, uint b, uint c) => Math.Max(a, b);
    }

    public readonly struct Exchange : IPtxLane3<uint, uint, uint, uint>
    {
        public static uint Apply(uint a, uint b, uint c) => b;
    }

    public readonly struct CompareAndSwap : IPtxLane3<uint, uint, uint, uint>
    {
        public static uint Apply(uint a, uint b, uint c) => a == b ? c : a;
    }
}
