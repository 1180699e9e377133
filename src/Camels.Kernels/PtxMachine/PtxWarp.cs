using System.Numerics;

namespace Camels.Kernels;

/// <summary>Why a warp does not go on.</summary>
internal enum PtxWait
{
    /// <summary>It goes on.</summary>
    None,

    /// <summary>At a barrier of the block.</summary>
    Barrier,

    /// <summary>For a phase of an mbarrier.</summary>
    Phase,

    /// <summary>At an instruction that the warps of a warpgroup execute together.</summary>
    Warpgroup,

    /// <summary>Nothing stops it: it lets others go first.</summary>
    Yield,

    /// <summary>All its threads have ended.</summary>
    Done,
}

/// <summary>
/// 32 threads that execute one instruction together. Where a jump parts them, one part runs until the place where the ways meet, then the
/// other; which one is first is up to the seed.
/// </summary>
internal sealed unsafe partial class PtxWarp
{
    private const int ScratchBytes = 4096;

    private readonly Path[] _paths = new Path[64];
    private readonly PtxProgram _program;
    private readonly byte* _memory;
    private PtxInstruction* _next;
    private PtxInstruction* _meeting;
    private int _depth;

    public PtxWarp(PtxBlock block, int index, byte* memory)
    {
        Block = block;
        Index = index;
        _program = block.Settings.Program;
        _memory = memory;
        Registers = memory + ScratchBytes;
        long threads = block.Settings.Block.Count - (index * 32L);
        Copies = new PtxCopies(this);
        Products = new PtxProducts(this);
        All = threads >= 32 ? uint.MaxValue : (1u << (int)threads) - 1;
        FillConstants();
    }

    // A part of the warp that waits for its turn: where it goes on, where it meets the others, and who it is.
    private struct Path
    {
        public PtxInstruction* Next;
        public PtxInstruction* Meeting;
        public uint Mask;
    }

    public PtxBlock Block { get; }

    public int Index { get; }

    /// <summary>The registers; instructions hold offsets into them.</summary>
    public byte* Registers { get; }

    /// <summary>The threads that exist.</summary>
    public uint All { get; }

    /// <summary>The threads that have not ended.</summary>
    public uint Live { get; private set; }

    /// <summary>The threads that take the current way.</summary>
    public uint Active { get; private set; }

    /// <summary>The threads that execute the current instruction: the active ones whose predicate holds.</summary>
    public uint Mask { get; private set; }

    /// <summary>cp.async that has not landed.</summary>
    public PtxCopies Copies { get; }

    /// <summary>For each thread the group that its next store of a box belongs to.</summary>
    public int[] BulkGroups { get; } = new int[32];

    /// <summary>Products of the warpgroup that have not been waited for.</summary>
    public PtxProducts Products { get; }

    /// <summary>Registers of each thread, as setmaxnreg said last; 0 where it did not.</summary>
    public int RegisterLimit { get; set; }

    public PtxInstruction* Current { get; private set; }

    public PtxWait Wait { get; set; }

    /// <summary>True where the current instruction is executed again when the wait is over.</summary>
    public bool Repeats { get; set; }

    /// <summary>Room for results of a warp that is not whole, .</summary>
    public byte* Scratch => _memory;

    public ulong* Addresses => (ulong*)(_memory + 1024);

    /// <summary>Room for the operands of an instruction across lanes.</summary>
    public byte* Exchange => _memory + 1536;

    public static int BytesFor(PtxProgram program) => (ScratchBytes + program.RegisterBytes + 63) & ~63;

    /// <summary>Starts the kernel for a new block.</summary>
    public void Begin()
    {
        _next = _program.First;
        _meeting = null;
        _depth = 0;
        Live = All;
        Active = All;
        Wait = PtxWait.None;
        Copies.Begin();
        Products.Begin();
        Array.Clear(BulkGroups);
        RegisterLimit = 0;
        new Span<byte>(Registers, _program.PredicateBytes).Clear();
        foreach ((int offset, int bytes) in _program.Poisoned)
        {
            new Span<byte>(Registers + offset, bytes).Fill(0xFF);
        }

        PtxPlace place = Block.Place;
        foreach ((int offset, PtxSpecial special) in _program.Specials)
        {
            if (PtxSpecials.DependsOnBlock(special))
            {
                new Span<uint>(Registers + offset, 32).Fill(PtxSpecials.Value(special, Index, lane: 0, place));
            }
        }
    }

    /// <summary>Executes until the warp waits, ends or has executed so many instructions. Returns how many it executed.</summary>
    public long Run(long most)
    {
        PtxInstruction* next = _next;
        byte* registers = Registers;
        long left = most;
        Wait = PtxWait.None;
        while (left-- > 0)
        {
            while (next == _meeting)
            {
                next = TakePath();
            }

            uint mask = Active;
            if (next->Guard >= 0)
            {
                mask &= *(uint*)(registers + next->Guard) ^ next->GuardFlip;
                if (mask == 0)
                {
                    next++;
                    continue;
                }
            }

            switch (next->Kind)
            {
                case PtxKind.Lanes32:
                    ExecuteLanes(next, registers, mask, laneBytes: 4);
                    next++;
                    break;
                case PtxKind.Lanes64:
                    ExecuteLanes(next, registers, mask, laneBytes: 8);
                    next++;
                    break;
                case PtxKind.Predicate:
                    uint* predicate = (uint*)(registers + next->D);
                    uint bits = ((delegate*<byte*, PtxInstruction*, uint>)next->Handler)(registers, next);
                    *predicate = (*predicate & ~mask) | (bits & mask);
                    next++;
                    break;
                case PtxKind.Effect:
                    Mask = mask;
                    Current = next;
                    ((delegate*<PtxWarp, PtxInstruction*, void>)next->Handler)(this, next);
                    if (Wait != PtxWait.None)
                    {
                        _next = Repeats ? next : next + 1;
                        Repeats = false;
                        return most - left;
                    }

                    next++;
                    break;
                case PtxKind.Jump:
                    next = Jump(next, mask);
                    break;
                default:
                    next = Exit(next, mask);
                    if (next == null)
                    {
                        Wait = PtxWait.Done;
                        return most - left;
                    }

                    break;
            }
        }

        _next = next;
        return most;
    }

    /// <summary>The instruction where the warp goes on: what it waits at.</summary>
    public PtxInstruction* Next => _next;

    /// <summary>The line of the current instruction.</summary>
    public int CurrentLine => _program.StatementOf(Current)?.Line ?? 0;

    public PtxException Fail(PtxFault fault, string what, int lane = -1) => Fail(fault, what, lane, Current);

    /// <summary>An error that names kernel, block, thread, line and instruction.</summary>
    public PtxException Fail(PtxFault fault, string what, int lane, PtxInstruction* at)
    {
        PtxStatement? statement = _program.StatementOf(at);
        PtxEntry entry = _program.Entry;
        string thread = lane < 0 ? $"warp {Index}" : $"thread {Block.ThreadName((Index * 32) + lane)}";
        return new PtxException(
            fault,
            $"kernel {entry.Name}, block {Block.Place.Block}, {thread}, {entry.File}:{statement?.Line ?? entry.Line}: {statement?.Opcode ?? "end"}: {what}");
    }

    /// <summary>An instruction for the whole warp is executed by all of its threads that have not ended, or it is an error.</summary>
    public void RequireWhole()
    {
        if (Mask != Live)
        {
            throw Fail(PtxFault.Divergence, $"executed by threads {Mask:x8} of a warp whose threads {Live:x8} must execute it together");
        }
    }

    /// <summary>The same for an instruction that 32 threads execute, no fewer.</summary>
    public void RequireFull()
    {
        if (Mask != uint.MaxValue)
        {
            throw Fail(PtxFault.Divergence, $"executed by threads {Mask:x8} only, but all 32 of a warp must execute it together");
        }
    }

    /// <summary>The value of a register that must be the same in all threads of the mask.</summary>
    public uint Uniform(int operand)
    {
        uint* lanes = (uint*)(Registers + operand);
        uint value = lanes[BitOperations.TrailingZeroCount(Mask)];
        for (uint bits = Mask; bits != 0; bits &= bits - 1)
        {
            int lane = BitOperations.TrailingZeroCount(bits);
            if (lanes[lane] != value)
            {
                throw Fail(PtxFault.Divergence, $"threads of a warp give {value} and {lanes[lane]} where they must agree", lane);
            }
        }

        return value;
    }

    private static void ExecuteLanes(PtxInstruction* instruction, byte* registers, uint mask, int laneBytes)
    {
        delegate*<byte*, PtxInstruction*, byte*, void> handler = (delegate*<byte*, PtxInstruction*, byte*, void>)instruction->Handler;
        byte* destination = registers + instruction->D;
        if (mask == uint.MaxValue)
        {
            handler(registers, instruction, destination);
            return;
        }

        // Scratch lies right before the registers.
        byte* scratch = registers - ScratchBytes;
        handler(registers, instruction, scratch);
        if (laneBytes == 4)
        {
            Blend((uint*)destination, (uint*)scratch, mask);
        }
        else
        {
            Blend((ulong*)destination, (ulong*)scratch, mask);
        }
    }

    /// <summary>Copies the lanes of a mask.</summary>
    public static void Blend<T>(T* destination, T* source, uint mask)
        where T : unmanaged
    {
        for (uint bits = mask; bits != 0; bits &= bits - 1)
        {
            int lane = BitOperations.TrailingZeroCount(bits);
            destination[lane] = source[lane];
        }
    }

    private PtxInstruction* Jump(PtxInstruction* jump, uint taken)
    {
        PtxInstruction* target = _program.First + jump->A;
        uint others = Active & ~taken;
        if (others == 0)
        {
            return target;
        }

        PtxInstruction* meeting = _program.First + jump->B;
        PtxInstruction* behind = jump + 1;
        if (meeting != _meeting)
        {
            Push(meeting, _meeting, Active);
        }

        if (target == meeting || behind == meeting)
        {
            Active = target == meeting ? others : taken;
            _meeting = meeting;
            return target == meeting ? behind : target;
        }

        bool takesJumpFirst = Block.FlipsCoin();
        Push(takesJumpFirst ? behind : target, meeting, takesJumpFirst ? others : taken);
        Active = takesJumpFirst ? taken : others;
        _meeting = meeting;
        return takesJumpFirst ? target : behind;
    }

    private void Push(PtxInstruction* next, PtxInstruction* meeting, uint mask)
    {
        if (_depth == _paths.Length)
        {
            throw Fail(PtxFault.Divergence, $"more than {_paths.Length} jumps in each other part the warp", lane: -1, next);
        }

        _paths[_depth++] = new Path { Next = next, Meeting = meeting, Mask = mask };
    }

    // The way is at its end: the next part that still has threads takes its turn.
    private PtxInstruction* TakePath()
    {
        while (_depth > 0)
        {
            Path path = _paths[--_depth];
            if ((path.Mask & Live) != 0)
            {
                Active = path.Mask & Live;
                _meeting = path.Meeting;
                return path.Next;
            }
        }

        Active = 0;
        return null;
    }

    private PtxInstruction* Exit(PtxInstruction* instruction, uint mask)
    {
        if (_program.StatementOf(instruction)?.Name == "trap")
        {
            throw Fail(PtxFault.Trap, "the kernel stopped itself: it was given what it does not take", BitOperations.TrailingZeroCount(mask), instruction);
        }

        Live &= ~mask;
        Active &= ~mask;
        return Active != 0 ? instruction + 1 : TakePath();
    }

    private void FillConstants()
    {
        foreach ((int offset, PtxWidth width, ulong bits) in _program.Constants)
        {
            switch (width)
            {
                case PtxWidth.B64:
                    new Span<ulong>(Registers + offset, 32).Fill(bits);
                    break;
                default:
                    new Span<uint>(Registers + offset, 32).Fill((uint)bits);
                    break;
            }
        }

        PtxPlace place = Block.Place;
        foreach ((int offset, PtxSpecial special) in _program.Specials)
        {
            for (int lane = 0; lane < 32; lane++)
            {
                ((uint*)(Registers + offset))[lane] = PtxSpecials.Value(special, Index, lane, place);
            }
        }
    }
}
