using System.CommandLine;
using Camels.Cli.Output;
using Camels.Engine;

namespace Camels.Cli.Verbs;

/// <summary>Verbs of two words: what they have in common is the first. By itself it does nothing but show its help.</summary>
internal sealed class VerbGroup : Verb
{
    public VerbGroup(string name, string summary, params Verb[] members)
        : base(name, summary, members[0].Example)
    {
        Members = members;
        Command.Action = null;
        foreach (Verb member in members)
        {
            Command.Add(member.Command);
        }
    }

    /// <summary>The verbs of two words.</summary>
    public IReadOnlyList<Verb> Members { get; }

    /// <inheritdoc/>
    protected override ExitCode Run(ParseResult arguments, Screen screen) => throw new InvalidOperationException("a group does not run");
}
