using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Camels.Kernels;

/// <summary>An operation on vectors of one source.</summary>
internal interface IPtxUnary<T>
{
    static abstract Vector512<T> Apply(Vector512<T> a);
}

/// <summary>An operation on vectors of two sources.</summary>
internal interface IPtxBinary<T>
{
    static abstract Vector512<T> Apply(Vector512<T> a, Vector512<T> b);
}

/// <summary>An operation on vectors of three sources.</summary>
internal interface IPtxTernary<T>
{
    static abstract Vector512<T> Apply(Vector512<T> a, Vector512<T> b, Vector512<T> c);
}

/// <summary>A shift of vectors by a number that all lanes share.</summary>
internal interface IPtxShift<T>
{
    static abstract Vector512<T> Apply(Vector512<T> a, int count);
}

/// <summary>A comparison of vectors: all bits of a lane are set where it holds.</summary>
internal interface IPtxComparison<T>
{
    static abstract Vector512<T> Apply(Vector512<T> a, Vector512<T> b);
}

/// <summary>An operation on one lane with one source.</summary>
internal interface IPtxLane1<TA, TD>
{
    static abstract TD Apply(TA a);
}

/// <summary>An operation on one lane with two sources.</summary>
internal interface IPtxLane2<TA, TB, TD>
{
    static abstract TD Apply(TA a, TB b);
}

/// <summary>An operation on one lane with three sources.</summary>
internal interface IPtxLane3<TA, TB, TC, TD>
{
    static abstract TD Apply(TA a, TB b, TC c);
}

/// <summary>
/// Loops over the 32 lanes of registers, for any operation: the compiler makes one method of each pair of loop and operation. Handlers of
/// <see cref="PtxKind.Lanes32"/> and <see cref="PtxKind.Lanes64"/> take (registers, instruction, destination).
/// </summary>
internal static unsafe class PtxLanes
{
    private const int VectorBytes = 64;

    public static void Unary<TOperation, T>(byte* registers, PtxInstruction* instruction, byte* destination)
        where TOperation : struct, IPtxUnary<T>
        where T : unmanaged
    {
        byte* a = registers + instruction->A;
        for (int offset = 0; offset < 32 * sizeof(T); offset += VectorBytes)
        {
            TOperation.Apply(Load<T>(a + offset)).Store((T*)(destination + offset));
        }
    }

    public static void Binary<TOperation, T>(byte* registers, PtxInstruction* instruction, byte* destination)
        where TOperation : struct, IPtxBinary<T>
        where T : unmanaged
    {
        byte* a = registers + instruction->A;
        byte* b = registers + instruction->B;
        for (int offset = 0; offset < 32 * sizeof(T); offset += VectorBytes)
        {
            TOperation.Apply(Load<T>(a + offset), Load<T>(b + offset)).Store((T*)(destination + offset));
        }
    }

    public static void Ternary<TOperation, T>(byte* registers, PtxInstruction* instruction, byte* destination)
        where TOperation : struct, IPtxTernary<T>
        where T : unmanaged
    {
        byte* a = registers + instruction->A;
        byte* b = registers + instruction->B;
        byte* c = registers + instruction->C;
        for (int offset = 0; offset < 32 * sizeof(T); offset += VectorBytes)
        {
            TOperation.Apply(Load<T>(a + offset), Load<T>(b + offset), Load<T>(c + offset)).Store((T*)(destination + offset));
        }
    }

    public static void Shift<TOperation, T>(byte* registers, PtxInstruction* instruction, byte* destination)
        where TOperation : struct, IPtxShift<T>
        where T : unmanaged
    {
        byte* a = registers + instruction->A;
        int count = (int)instruction->Immediate;
        for (int offset = 0; offset < 32 * sizeof(T); offset += VectorBytes)
        {
            TOperation.Apply(Load<T>(a + offset), count).Store((T*)(destination + offset));
        }
    }

    public static uint Compare<TOperation, T>(byte* registers, PtxInstruction* instruction)
        where TOperation : struct, IPtxComparison<T>
        where T : unmanaged
    {
        byte* a = registers + instruction->A;
        byte* b = registers + instruction->B;
        uint bits = 0;
        int lanes = VectorBytes / sizeof(T);
        for (int i = 0; i < 32 / lanes; i++)
        {
            Vector512<T> holds = TOperation.Apply(Load<T>(a + (i * VectorBytes)), Load<T>(b + (i * VectorBytes)));
            bits |= (uint)holds.ExtractMostSignificantBits() << (i * lanes);
        }

        return Combine(registers, instruction, bits);
    }

    /// <summary>What setp does with a second predicate: Immediate 1 and, 2 or, 3 xor; plus 4 where that one is negated.</summary>
    public static uint Combine(byte* registers, PtxInstruction* instruction, uint bits)
    {
        if (instruction->C < 0)
        {
            return bits;
        }

        uint other = *(uint*)(registers + instruction->C) ^ (instruction->Count != 0 ? uint.MaxValue : 0);
        return instruction->Immediate switch
        {
            1 => bits & other,
            2 => bits | other,
            _ => bits ^ other,
        };
    }

    /// <summary>selp: a where the predicate C holds, else b.</summary>
    public static void Select<T>(byte* registers, PtxInstruction* instruction, byte* destination)
        where T : unmanaged
    {
        uint predicate = *(uint*)(registers + instruction->C);
        T* a = (T*)(registers + instruction->A);
        T* b = (T*)(registers + instruction->B);
        int lanes = VectorBytes / sizeof(T);
        for (int i = 0; i < 32; i += lanes)
        {
            Vector512<T> condition = Spread<T>(predicate >> i);
            Vector512.ConditionalSelect(condition, Vector512.Load(a + i), Vector512.Load(b + i)).Store((T*)destination + i);
        }
    }

    public static void Move<T>(byte* registers, PtxInstruction* instruction, byte* destination)
        where T : unmanaged
    {
        byte* a = registers + instruction->A;
        for (int offset = 0; offset < 32 * sizeof(T); offset += VectorBytes)
        {
            Load<T>(a + offset).Store((T*)(destination + offset));
        }
    }

    public static void Lane1<TOperation, TA, TD>(byte* registers, PtxInstruction* instruction, byte* destination)
        where TOperation : struct, IPtxLane1<TA, TD>
        where TA : unmanaged
        where TD : unmanaged
    {
        TA* a = (TA*)(registers + instruction->A);
        for (int lane = 0; lane < 32; lane++)
        {
            ((TD*)destination)[lane] = TOperation.Apply(a[lane]);
        }
    }

    public static void Lane2<TOperation, TA, TB, TD>(byte* registers, PtxInstruction* instruction, byte* destination)
        where TOperation : struct, IPtxLane2<TA, TB, TD>
        where TA : unmanaged
        where TB : unmanaged
        where TD : unmanaged
    {
        TA* a = (TA*)(registers + instruction->A);
        TB* b = (TB*)(registers + instruction->B);
        for (int lane = 0; lane < 32; lane++)
        {
            ((TD*)destination)[lane] = TOperation.Apply(a[lane], b[lane]);
        }
    }

    public static void Lane3<TOperation, TA, TB, TC, TD>(byte* registers, PtxInstruction* instruction, byte* destination)
        where TOperation : struct, IPtxLane3<TA, TB, TC, TD>
        where TA : unmanaged
        where TB : unmanaged
        where TC : unmanaged
        where TD : unmanaged
    {
        TA* a = (TA*)(registers + instruction->A);
        TB* b = (TB*)(registers + instruction->B);
        TC* c = (TC*)(registers + instruction->C);
        for (int lane = 0; lane < 32; lane++)
        {
            ((TD*)destination)[lane] = TOperation.Apply(a[lane], b[lane], c[lane]);
        }
    }

    /// <summary>All bits of a lane set where its bit is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Spread<T>(uint bits)
    {
        if (Unsafe.SizeOf<T>() == 4)
        {
            Vector512<uint> lane = Vector512.Create(1u, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768);
            return Vector512.Equals(Vector512.Create(bits) & lane, lane).As<uint, T>();
        }

        Vector512<ulong> wide = Vector512.Create(1UL, 2, 4, 8, 16, 32, 64, 128);
        return Vector512.Equals(Vector512.Create((ulong)bits) & wide, wide).As<ulong, T>();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> Load<T>(byte* source)
        where T : unmanaged => Vector512.Load((T*)source);
}
