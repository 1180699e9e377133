using System.Reflection;

namespace Camels.Kernels.Tests.PtxMachine;

/// <summary>The PTX files that are embedded: kernels of the product, and those made for these tests.</summary>
internal static class PtxFixtures
{
    /// <summary>A file of tests/fixtures/ptx.</summary>
    public static string Read(string name) => Read(typeof(PtxFixtures).Assembly, name);

    /// <summary>A file of native/ptx.</summary>
    public static string ReadProduct(string name) => Read(typeof(PtxModule).Assembly, name);

    /// <summary>The names of all files of native/ptx.</summary>
    public static IEnumerable<string> Product =>
        typeof(PtxModule).Assembly.GetManifestResourceNames().Where(name => name.EndsWith(".ptx", StringComparison.Ordinal)).Order();

    private static string Read(Assembly assembly, string name)
    {
        using Stream stream = assembly.GetManifestResourceStream(name) ?? throw new FileNotFoundException(name);
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }
}
