using System.Globalization;
using Camels.Engine;

namespace Camels.Cli.Tests;

/// <summary>Runs the program inside the test, without a process of its own.</summary>
internal static class InProcess
{
    public static (ExitCode Code, string Output, string Error) Run(params string[] arguments)
    {
        using StringWriter output = new(CultureInfo.InvariantCulture);
        using StringWriter error = new(CultureInfo.InvariantCulture);
        ExitCode code = CommandLine.Run(arguments, output, error);
        return (code, output.ToString(), error.ToString());
    }
}
