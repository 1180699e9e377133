namespace Camels.Kernels;

/// <summary>A parameter of a kernel as it lies in the block of bytes that a launch passes.</summary>
/// <param name="Name">The symbol.</param>
/// <param name="OffsetBytes">Where it starts.</param>
/// <param name="SizeBytes">How long it is.</param>
/// <param name="AlignmentBytes">What its offset is a multiple of.</param>
public sealed record PtxParameter(string Name, int OffsetBytes, int SizeBytes, int AlignmentBytes);

/// <summary>A variable outside registers.</summary>
internal sealed record PtxVariable(string Name, string Space, int AlignmentBytes, int SizeBytes, bool IsExtern, byte[] Initial, int Line);

/// <summary>A PTX text that was read: target, version and kernels.</summary>
public sealed class PtxModule
{
    /// <summary>The longest text that is read.</summary>
    public const int MostCharacters = 64 << 20;

    private readonly Dictionary<string, PtxEntry> _entries;

    internal PtxModule(string name, string version, string target, IReadOnlyList<PtxVariable> variables, IReadOnlyList<PtxEntry> entries)
    {
        Name = name;
        Version = version;
        Target = target;
        Variables = variables;
        Entries = entries;
        _entries = entries.ToDictionary(entry => entry.Name);
    }

    /// <summary>The name that errors give as the file.</summary>
    public string Name { get; }

    /// <summary>The version of PTX, such as 7.8.</summary>
    public string Version { get; }

    /// <summary>The architecture, such as sm_80.</summary>
    public string Target { get; }

    /// <summary>The kernels, in the order of the text.</summary>
    public IReadOnlyList<PtxEntry> Entries { get; }

    /// <summary>Shared variables and constant tables outside of kernels.</summary>
    internal IReadOnlyList<PtxVariable> Variables { get; }

    /// <summary>Reads a text.</summary>
    /// <param name="text">PTX.</param>
    /// <param name="name">What errors name as the file.</param>
    /// <exception cref="PtxException">The text is not PTX that the machine runs; the message names file and line.</exception>
    public static PtxModule Parse(string text, string name)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length > MostCharacters)
        {
            throw new PtxException(PtxFault.Malformed, $"{name}: {text.Length:N0} characters are more than the {MostCharacters:N0} that are read");
        }

        return new PtxParser(text, name).ParseModule();
    }

    /// <summary>The kernel of that name, or null.</summary>
    public PtxEntry? Find(string entry) => _entries.GetValueOrDefault(entry);
}
