using System.Runtime.CompilerServices;

namespace Camels.Cli.Tests;

/// <summary>Prepared data of the tests goes to a folder of their own, not to the user's cache, and is removed at the end.</summary>
internal static class TestCache
{
    [ModuleInitializer]
    internal static void Use()
    {
        string folder = Directory.CreateTempSubdirectory("camels-cache-").FullName;
        Environment.SetEnvironmentVariable("CAMELS_CACHE", folder);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
    }
}
