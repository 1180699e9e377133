namespace Camels.Kernels;

/// <summary>How the warp executes an instruction.</summary>
internal enum PtxKind : byte
{
    /// <summary>Every lane by itself, into a register of 32 bits. The handler takes (registers, instruction, destination).</summary>
    Lanes32,

    /// <summary>The same into a register of 64 bits.</summary>
    Lanes64,

    /// <summary>Every lane by itself, into a predicate. The handler takes (registers, instruction) and returns a bit for each lane.</summary>
    Predicate,

    /// <summary>Anything else. The handler takes (warp, instruction) and minds the mask itself.</summary>
    Effect,

    /// <summary>A jump to <see cref="PtxInstruction.A"/>, meeting again at <see cref="PtxInstruction.B"/>.</summary>
    Jump,

    /// <summary>The end of the threads that execute it.</summary>
    Exit,
}

/// <summary>How the address of a memory access is made.</summary>
internal enum PtxAddressing : byte
{
    /// <summary>A 64-bit register plus <see cref="PtxInstruction.Immediate"/>.</summary>
    Register64,

    /// <summary>A 32-bit register plus <see cref="PtxInstruction.Immediate"/>.</summary>
    Register32,

    /// <summary><see cref="PtxInstruction.Immediate"/> alone.</summary>
    Constant,
}

/// <summary>
/// An instruction with everything resolved. Operands are byte offsets into the registers of a warp, where a register lies as 32 values side by
/// side and a predicate as one word with a bit for each lane.
/// </summary>
internal unsafe struct PtxInstruction
{
    public void* Handler;
    public PtxKind Kind;
    public PtxAddressing Addressing;

    /// <summary>Elements of a vector access, matrices of a fragment load, or whatever the handler counts.</summary>
    public short Count;

    /// <summary>The predicate in front, or -1, and what its bits are flipped by.</summary>
    public int Guard;
    public uint GuardFlip;

    /// <summary>Destination and sources; -1 where there is none.</summary>
    public int D;
    public int A;
    public int B;
    public int C;
    public long Immediate;

    /// <summary>Further operands.</summary>
    public int* More;
}

/// <summary>A kernel in the form that runs: one instruction for each statement, and one more that ends the threads that come to it.</summary>
internal sealed unsafe class PtxProgram
{
    public required PtxEntry Entry { get; init; }

    /// <summary>Pinned; the last one is the end.</summary>
    public required PtxInstruction[] Instructions { get; init; }

    /// <summary>Bytes of a warp's registers.</summary>
    public required int RegisterBytes { get; init; }

    /// <summary>Bytes at the start of the registers that hold predicates.</summary>
    public required int PredicateBytes { get; init; }

    /// <summary>Numbers that instructions name: where they lie, how wide, and their bits.</summary>
    public required (int Offset, PtxWidth Width, ulong Bits)[] Constants { get; init; }

    /// <summary>Special registers that instructions name, and where they lie.</summary>
    public required (int Offset, PtxSpecial Special)[] Specials { get; init; }

    /// <summary>Where the dynamic shared memory starts, behind what the text declares.</summary>
    public required int DynamicSharedStart { get; init; }

    /// <summary>Registers that some path reads before they are written: they start as NaN in every block.</summary>
    public required (int Offset, int Bytes)[] Poisoned { get; init; }

    /// <summary>Operand lists that instructions point into; kept alive here.</summary>
    public required int[][] Lists { get; init; }

    /// <summary>Constant tables of the text, by name: address in the space of the machine and bytes.</summary>
    public required PtxConstantBank Bank { get; init; }

    public PtxInstruction* First => (PtxInstruction*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref Instructions[0]);

    public PtxStatement? StatementOf(PtxInstruction* instruction)
    {
        long index = instruction - First;
        return index >= 0 && index < Entry.Statements.Count ? Entry.Statements[(int)index] : null;
    }
}
