namespace Camels.Cli;

internal static class Program
{
    private static int Main(string[] args)
    {
        Console.WriteLine($"camels {string.Join(' ', args)}");
        return 0;
    }
}
