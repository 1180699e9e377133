namespace Camels.Kernels;

/// <summary>A kernel: its parameters, limits and statements.</summary>
public sealed class PtxEntry
{
    private PtxProgram? _program;

    internal PtxEntry(string name, string file, IReadOnlyList<PtxParameter> parameters, PtxModuleContext module)
    {
        Module = module;
        Name = name;
        File = file;
        Parameters = parameters;
        ParameterBytes = parameters.Count == 0 ? 0 : parameters[^1].OffsetBytes + parameters[^1].SizeBytes;
    }

    /// <summary>The name to launch it by.</summary>
    public string Name { get; }

    /// <summary>The file that errors name.</summary>
    public string File { get; }

    /// <summary>The parameters in order.</summary>
    public IReadOnlyList<PtxParameter> Parameters { get; }

    /// <summary>Bytes of all parameters, with the gaps that alignment leaves.</summary>
    public int ParameterBytes { get; }

    /// <summary>Threads a block may have (.maxntid), or 0 where the text does not say.</summary>
    public int MaximumThreads { get; internal set; }

    /// <summary>Blocks that must fit a multiprocessor (.minnctapersm), at least 1.</summary>
    public int MinimumBlocks { get; internal set; } = 1;

    /// <summary>Shared memory that the text itself declares.</summary>
    public int StaticSharedBytes { get; internal set; }

    /// <summary>32-bit registers alive at once at the worst place; a 64-bit one counts as two, predicates do not count.</summary>
    public int LiveRegisters => Flow.Liveness.MostAlive;

    /// <summary>Line of the name.</summary>
    internal int Line { get; init; }

    internal PtxModuleContext Module { get; }

    internal IReadOnlyList<PtxRegister> Registers { get; set; } = [];

    internal IReadOnlyList<PtxStatement> Statements { get; set; } = [];

    /// <summary>Bytes of .local memory that the text declares.</summary>
    internal int LocalBytes { get; set; }

    internal PtxFlow Flow => field ??= new PtxFlow(this);

    /// <summary>The kernel in the form that runs, made at the first launch.</summary>
    internal PtxProgram Program()
    {
        PtxProgram? program = Volatile.Read(ref _program);
        if (program is null)
        {
            lock (this)
            {
                program = _program ??= new PtxTranslator(this).Translate();
            }
        }

        return program;
    }

    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>What the kernels of one text share: its variables.</summary>
internal sealed class PtxModuleContext
{
    public Dictionary<string, PtxVariable> Variables { get; } = [];

    public string Target { get; set; } = "";
}
