namespace Camels.Kernels;

/// <summary>
/// What can be said of a PTX text without running it and without NVIDIA's assembler: that every instruction is known and fits its registers,
/// that target and version are those that drivers of the promised age take, and that the kernels will not run out of registers.
/// </summary>
public static class PtxChecks
{
    private const int RegistersOfMultiprocessor = 65_536;
    private const int MostRegistersOfThread = 255;
    private const int RegistersGivenAtOnce = 8;
    private const double MostShare = 0.85;

    private static readonly Dictionary<string, string> Versions = new() { ["sm_80"] = "7.8", ["sm_90a"] = "8.0" };

    /// <summary>Reads and checks a text.</summary>
    /// <param name="text">PTX.</param>
    /// <param name="name">What messages name as the file.</param>
    /// <returns>What is wrong, a line each; empty where nothing is.</returns>
    public static IReadOnlyList<string> Check(string text, string name)
    {
        try
        {
            PtxModule module = PtxModule.Parse(text, name);
            return [.. CheckModule(module), .. module.Entries.SelectMany(CheckEntry)];
        }
        catch (PtxException error)
        {
            return [error.Message];
        }
    }

    /// <summary>
    /// Kernels that keep more registers alive at once than 85 % of what their bounds leave, or more than they keep where they give some back, a line
    /// each. The text's order of instructions is counted; an assembler may find a better one, and must where this says so.
    /// </summary>
    public static IReadOnlyList<string> CheckRegisters(PtxModule module) => [.. module.Entries.SelectMany(CheckRegisters)];

    /// <summary>Compares a kernel's parameters and bounds with what the host passes.</summary>
    /// <returns>What differs, or null.</returns>
    internal static string? CheckCall(PtxEntry entry, in LaunchSize size, ReadOnlySpan<KernelArgument> arguments)
    {
        if (arguments.Length != entry.Parameters.Count)
        {
            return $"{entry.Name} takes {entry.Parameters.Count} arguments, the host passes {arguments.Length}";
        }

        if (size.Threads > entry.MaximumThreads)
        {
            return $"{entry.Name} is for at most {entry.MaximumThreads} threads, the host launches {size.Threads}";
        }

        for (int i = 0; i < arguments.Length; i++)
        {
            PtxParameter parameter = entry.Parameters[i];
            if (parameter.SizeBytes != arguments[i].Bytes)
            {
                return $"{parameter.Name} has {parameter.SizeBytes} bytes, the host passes {arguments[i].Bytes}";
            }

            if (arguments[i].StructAddress % parameter.AlignmentBytes != 0)
            {
                return $"{parameter.Name} lies at multiples of {parameter.AlignmentBytes} bytes, the host's at 0x{arguments[i].StructAddress:x}";
            }
        }

        return null;
    }

    /// <summary>Registers that a thread of a kernel may have: what its bounds leave, or what setmaxnreg grants.</summary>
    public static int RegisterCap(PtxEntry entry)
    {
        int cap = Math.Min(MostRegistersOfThread, RegistersAtStart(entry));
        foreach (PtxStatement statement in entry.Statements)
        {
            if (statement.Opcode.StartsWith("setmaxnreg.inc", StringComparison.Ordinal) && statement.Operands.Length == 1)
            {
                cap = Math.Max(cap, (int)Math.Min(statement.Operands[0].Value, MostRegistersOfThread));
            }
        }

        return cap;
    }

    /// <summary>
    /// Registers that each thread of a block starts with where the assembler gives all that the bounds leave, as it does for setmaxnreg. A multiple
    /// of eight: 168 of 384 threads, so what a block then shares out anew is 64,512 registers, not a multiprocessor's 65,536.
    /// </summary>
    internal static int RegistersAtStart(PtxEntry entry)
    {
        int registers = RegistersOfMultiprocessor / (Math.Max(1, entry.MaximumThreads) * entry.MinimumBlocks);
        return Math.Min(MostRegistersOfThread + 1, registers / RegistersGivenAtOnce * RegistersGivenAtOnce);
    }

    private static IEnumerable<string> CheckRegisters(PtxEntry entry)
    {
        string Crowded(int line, int alive, int room, string giver) => string.Create(
            System.Globalization.CultureInfo.InvariantCulture,
            $"{entry.File}:{line}: {entry.Name} has {alive} registers alive at once, of {room} that {giver}");

        if (entry.LiveRegisters > MostShare * RegisterCap(entry))
        {
            yield return Crowded(entry.Line, entry.LiveRegisters, RegisterCap(entry), "its bounds leave");
        }

        for (int i = 0; i < entry.Statements.Count; i++)
        {
            PtxStatement statement = entry.Statements[i];
            if (statement.Opcode.StartsWith("setmaxnreg.dec", StringComparison.Ordinal) && statement.Operands.Length == 1)
            {
                int kept = (int)Math.Min(statement.Operands[0].Value, MostRegistersOfThread);
                int alive = entry.Flow.MostAliveBehind(i);
                if (alive > kept)
                {
                    yield return Crowded(statement.Line, alive, kept, "setmaxnreg keeps");
                }
            }
        }
    }

    private static IEnumerable<string> CheckModule(PtxModule module)
    {
        if (!Versions.TryGetValue(module.Target, out string? version))
        {
            yield return $"{module.Name}: target {module.Target}; kernels are compiled for {string.Join(" and ", Versions.Keys)}";
        }
        else if (module.Version != version)
        {
            yield return $"{module.Name}: version {module.Version}; {module.Target} takes {version}, so that older drivers load it";
        }
    }

    private static IEnumerable<string> CheckEntry(PtxEntry entry)
    {
        string place = $"{entry.File}:{entry.Line}: {entry.Name}";
        _ = entry.Program();
        if (entry.MaximumThreads == 0)
        {
            yield return $"{place} has no .maxntid: the driver has to allow for 1024 threads";
        }
    }
}
