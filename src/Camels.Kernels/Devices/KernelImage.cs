using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;

namespace Camels.Kernels;

/// <summary>One compiled file of kernels: PTX from the program itself, or what the folder named by CAMELS_KERNELS puts in its place.</summary>
/// <param name="Origin">For messages: the resource's name or the file's path.</param>
/// <param name="Bytes">PTX closed by a NUL, or a cubin.</param>
internal sealed partial record KernelImage(string Origin, byte[] Bytes)
{
    // A file that has no design of its own for a target is that of sm_80: PTX runs on every later GPU.
    private const string Oldest = "sm_80";

    /// <summary>The names of all kernel files that the program holds for <paramref name="target"/>.</summary>
    public static IEnumerable<string> FilesFor(string target) =>
        Assembly.GetExecutingAssembly().GetManifestResourceNames()
            .Where(name => name.EndsWith($".{target}.ptx", StringComparison.Ordinal) || name.EndsWith($".{Oldest}.ptx", StringComparison.Ordinal))
            .Select(name => name[..name.IndexOf('.', StringComparison.Ordinal)])
            .Distinct()
            .Order(StringComparer.Ordinal);

    /// <summary>Reads <paramref name="file"/> for <paramref name="target"/>, e.g. "add" for "sm_90a".</summary>
    public static KernelImage Read(string file, string target)
    {
        string? folder = Environment.GetEnvironmentVariable("CAMELS_KERNELS");
        string[] texts = [$"{file}.{target}.ptx", $"{file}.{Oldest}.ptx"];
        foreach (string name in (string[])[$"{file}.{target}.cubin", .. texts])
        {
            string path = Path.Combine(folder ?? "", name);
            if (!string.IsNullOrEmpty(folder) && File.Exists(path))
            {
                return new KernelImage(path, [.. File.ReadAllBytes(path), 0]);
            }
        }

        Assembly program = Assembly.GetExecutingAssembly();
        string resource = texts.FirstOrDefault(name => program.GetManifestResourceInfo(name) is not null)
            ?? throw new InvalidOperationException($"the program holds no kernels {texts[0]}");
        using Stream stream = program.GetManifestResourceStream(resource)!;
        byte[] bytes = new byte[stream.Length + 1];
        stream.ReadExactly(bytes, 0, (int)stream.Length);
        return new KernelImage(resource, bytes);
    }

    /// <summary>The size in bytes of each parameter of each kernel; empty for a cubin, which does not say.</summary>
    public Dictionary<string, int[]> Parameters()
    {
        string text = Encoding.Latin1.GetString(Bytes);
        return Entry().Matches(text).ToDictionary(
            entry => entry.Groups[1].Value,
            entry => Parameter().Matches(entry.Groups[2].Value).Select(BytesOf).ToArray());
    }

    private static int BytesOf(Match parameter)
    {
        int elementBytes = int.Parse(parameter.Groups[1].ValueSpan, System.Globalization.CultureInfo.InvariantCulture) / 8;
        return parameter.Groups[2].Success
            ? elementBytes * int.Parse(parameter.Groups[2].ValueSpan, System.Globalization.CultureInfo.InvariantCulture)
            : elementBytes;
    }

    [GeneratedRegex(@"^\.visible \.entry (\w+)\(([^)]*)\)", RegexOptions.Multiline)]
    private static partial Regex Entry();

    [GeneratedRegex(@"\.param\s+(?:\.align \d+ )?\.[bufs](\d+) \w+(?:\[(\d+)\])?")]
    private static partial Regex Parameter();
}
