namespace Camels.Cli;

internal static class Program
{
    private static int Main(string[] args) => (int)CommandLine.Run(args, Console.Out, Console.Error);
}
