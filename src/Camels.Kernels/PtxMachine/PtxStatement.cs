namespace Camels.Kernels;

/// <summary>How wide a register is.</summary>
internal enum PtxWidth
{
    Predicate,
    B16,
    B32,
    B64,
}

/// <summary>A virtual register as declared.</summary>
internal sealed record PtxRegister(int Index, string Name, PtxWidth Width);

/// <summary>What an operand is.</summary>
internal enum PtxOperandKind
{
    /// <summary>A declared register.</summary>
    Register,

    /// <summary>%tid.x and its like.</summary>
    Special,

    /// <summary>A number; the bits are those of a double for 0d, of a single for 0f, else the integer.</summary>
    Immediate,

    /// <summary>The name of a parameter or variable: its address.</summary>
    Symbol,

    /// <summary>A place to jump to.</summary>
    Label,

    /// <summary>[register + offset] or [symbol + offset].</summary>
    Address,

    /// <summary>{a, b, ...}.</summary>
    Vector,

    /// <summary>[map, {x, y}].</summary>
    TensorAddress,

    /// <summary>a|b: two destinations.</summary>
    Pair,

    /// <summary>_: the result is not wanted.</summary>
    Sink,
}

/// <summary>An operand of a statement.</summary>
internal sealed class PtxOperand
{
    public required PtxOperandKind Kind { get; init; }

    /// <summary>The register; in an address its base, null where the base is a symbol or a number.</summary>
    public PtxRegister? Register { get; init; }

    /// <summary>The name of a symbol, label or special register; in an address its base.</summary>
    public string? Name { get; init; }

    /// <summary>The bits of a number; the offset of an address.</summary>
    public ulong Value { get; init; }

    /// <summary>True for !predicate.</summary>
    public bool IsNegated { get; init; }

    /// <summary>The parts of a vector, pair or tensor address.</summary>
    public PtxOperand[] Elements { get; init; } = [];

    /// <summary>Where a label leads: the index of a statement.</summary>
    public int Target { get; set; } = -1;

    /// <summary>The registers in here, each once for every time it is named.</summary>
    public IEnumerable<PtxRegister> Registers()
    {
        if (Register is not null)
        {
            yield return Register;
        }

        foreach (PtxOperand element in Elements)
        {
            foreach (PtxRegister register in element.Registers())
            {
                yield return register;
            }
        }
    }
}

/// <summary>One instruction as written.</summary>
internal sealed class PtxStatement
{
    /// <summary>The instruction with its modifiers, as written: ld.global.f32.</summary>
    public required string Opcode { get; init; }

    /// <summary>The opcode cut at its points.</summary>
    public required string[] Parts { get; init; }

    public required PtxOperand[] Operands { get; init; }

    /// <summary>The predicate in front (@p), or null.</summary>
    public required PtxRegister? Guard { get; init; }

    /// <summary>True for @!p.</summary>
    public required bool IsGuardNegated { get; init; }

    public required int Line { get; init; }

    /// <summary>The instruction without modifiers.</summary>
    public string Name => Parts[0];

    /// <summary>The last modifier: for most instructions the type.</summary>
    public string Type => Parts[^1];

    /// <summary>A part of the opcode, empty where it has fewer; from the end for negative numbers, -1 the last.</summary>
    public string Part(int index)
    {
        int at = index < 0 ? Parts.Length + index : index;
        return at >= 0 && at < Parts.Length ? Parts[at] : "";
    }

    public bool Has(string modifier) => Array.IndexOf(Parts, modifier, 1) > 0;

    /// <summary>The operands that are written.</summary>
    public ReadOnlySpan<PtxOperand> Destinations => Operands.AsSpan(0, DestinationCount());

    /// <summary>The registers that are written.</summary>
    public IEnumerable<PtxRegister> Writes() => Operands.Take(DestinationCount()).SelectMany(operand => operand.Registers());

    /// <summary>The registers that are read: sources, the guard, and what is both read and written.</summary>
    public IEnumerable<PtxRegister> Reads()
    {
        // A result that is added to, or that stays as it was where the guard is false.
        bool readsDestination = Guard is not null || Opcode.StartsWith("wgmma.mma_async", StringComparison.Ordinal);
        IEnumerable<PtxRegister> sources = Operands.Skip(readsDestination ? 0 : DestinationCount()).SelectMany(operand => operand.Registers());
        return Guard is null ? sources : sources.Append(Guard);
    }

    private int DestinationCount()
    {
        if (Operands.Length == 0)
        {
            return 0;
        }

        switch (Name)
        {
            case "st" or "stmatrix" or "red" or "bar" or "barrier" or "bra" or "ret" or "exit" or "trap" or "cp" or "fence" or "membar"
                or "prefetch" or "setmaxnreg" or "nanosleep" or "griddepcontrol":
                return Has("red") && Name is "bar" or "barrier" ? 1 : 0;
            case "wgmma":
                return Part(1) == "mma_async" ? 1 : 0;
            case "mbarrier":
                return Operands[0].Kind == PtxOperandKind.Address ? 0 : 1;
            default:
                return 1;
        }
    }
}
