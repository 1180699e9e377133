using Camels.Cli;

namespace Camels.Gpu;

/// <summary>
/// The program and the operators' checks in one file, for a machine with a GPU and nothing else: <c>camels-gpu check …</c> runs the checks,
/// everything else is <c>camels</c>.
/// </summary>
internal static class Program
{
    private static int Main(string[] args) => args is ["check", .. string[] rest]
        ? OperatorCheck.Run(rest, Console.Out)
        : (int)CommandLine.Run(args, Console.Out, Console.Error);
}
