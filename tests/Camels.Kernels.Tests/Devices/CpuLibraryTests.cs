using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Camels.Kernels.Interop;
using Camels.Testing;
using Xunit;

namespace Camels.Kernels.Tests.Devices;

/// <summary>native/cpu is built with the program, always to the same bytes, and its inner loop is what it is there for.</summary>
public sealed partial class CpuLibraryTests : IDisposable
{
    private const int PairsPerRound = 4;

    private readonly string _folder = Directory.CreateTempSubdirectory("camels-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [CompilerFact]
    public void The_build_makes_the_library_and_the_same_bytes_each_time()
    {
        string output = Path.Combine(_folder, "again.so");
        Assert.Equal(0, Run(CompilerFactAttribute.Build, [output]).Code);
        Assert.False(CpuLibrary.PairTile.IsNone, "the library is not beside the program, or lacks its functions");
        Assert.Equal(File.ReadAllBytes(output), File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, CpuLibrary.FileName)));
    }

    [CompilerFact("objdump", "llvm-objdump-19", "llvm-objdump")]
    public void The_inner_loop_is_dot_products_and_touches_no_stack()
    {
        (int code, string text) = Run(
            CompilerFactAttribute.Tool!, ["-d", "--no-show-raw-insn", Path.Combine(AppContext.BaseDirectory, CpuLibrary.FileName)]);
        Assert.Equal(0, code);
        string[][] loops = [.. LoopsOf(text).Where(loop => loop.Any(line => line.Contains("vdpbf16ps", StringComparison.Ordinal)))];
        foreach (int registers in (int[])[1, 2, 3])
        {
            Assert.Contains(loops, loop =>
                loop.Count(line => line.Contains("vdpbf16ps", StringComparison.Ordinal)) == PairsPerRound * 8 * registers && loop.Any(line => line.Contains("broadcast", StringComparison.Ordinal)));
        }

        Assert.All(loops, loop => Assert.DoesNotContain(loop, line => line.Contains("rsp", StringComparison.Ordinal)));
        Assert.All(loops, loop => Assert.True(loop.Length <= PairsPerRound * 48, $"{loop.Length} instructions a round"));
    }

    // Loops without loops inside: from the target of a jump back to that jump.
    private static IEnumerable<string[]> LoopsOf(string text)
    {
        (long Address, string Text)[] lines =
        [
            .. text.Split('\n').Select(line => Instruction().Match(line)).Where(match => match.Success)
                .Select(match => (long.Parse(match.Groups[1].Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture), match.Groups[2].Value)),
        ];
        for (int i = 0; i < lines.Length; i++)
        {
            Match jump = ConditionalJump().Match(lines[i].Text);
            if (!jump.Success)
            {
                continue;
            }

            long target = long.Parse(jump.Groups[1].Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            string[] loop = [.. lines[..i].SkipWhile(line => line.Address < target).Select(line => line.Text)];
            if (target < lines[i].Address && !loop.Any(line => ConditionalJump().IsMatch(line)))
            {
                yield return loop;
            }
        }
    }

    private static (int Code, string Output) Run(string program, string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output);
    }

    [GeneratedRegex(@"^\s*([0-9a-f]+):\s+(\S.*)$")]
    private static partial Regex Instruction();

    [GeneratedRegex(@"^j(?!mp)\w+\s+(?:0x)?([0-9a-f]+)\b")]
    private static partial Regex ConditionalJump();
}

/// <summary>A test that needs a compiler for native/cpu and perhaps one of some tools: shown as skipped without.</summary>
internal sealed class CompilerFactAttribute : FactAttribute
{
    private static readonly Lazy<bool> _compiles = new(() => OperatingSystem.IsLinux() && Compiles());

    public CompilerFactAttribute(params string[] tools)
    {
        Tool = tools.FirstOrDefault(IsInstalled) ?? Tool;
        Skip = !_compiles.Value ? "needs clang++ or g++ that knows AVX512-BF16, on Linux and x86-64"
            : tools.Length > 0 && Tool is null ? $"needs {string.Join(" or ", tools)}"
            : null;
    }

    /// <summary>The build script.</summary>
    public static string Build => Path.Combine(SharedFiles.Repository, "native/cpu/build");

    /// <summary>The first tool that is there.</summary>
    public static string? Tool { get; private set; }

    private static bool IsInstalled(string tool) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, tool)));

    private static bool Compiles()
    {
        string folder = Directory.CreateTempSubdirectory("camels-").FullName;
        try
        {
            using Process process = Process.Start(Build, [Path.Combine(folder, "try.so")]);
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
