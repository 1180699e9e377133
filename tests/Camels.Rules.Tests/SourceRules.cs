using System.Text.RegularExpressions;

namespace Camels.Rules.Tests;

/// <summary>What no source file may contain.</summary>
internal static partial class SourceRules
{
    private const int LongestFileInLines = 500;

    public static Dictionary<string, Rule> All { get; } = new()
    {
        ["imports live in Interop"] = new Rule(
            "DllImport, LibraryImport and NativeLibrary appear only in Camels.Kernels/Interop",
            "there an unused status is a compile error, so no failure of a native call is lost",
            tree => tree.CSharp
                .Where(path => path.StartsWith("src/", StringComparison.Ordinal) && !path.StartsWith("src/Camels.Kernels/Interop/", StringComparison.Ordinal))
                .Where(path => NativeImport().IsMatch(tree.Files[path])),
            tree => tree.With("src/Camels.Engine/X.cs", "[LibraryImport(\"c\")]")),
        ["files are short"] = new Rule(
            $"no source file has more than {LongestFileInLines} lines",
            "a longer one does two jobs",
            tree => tree.CSharp.Select(path => (Path: path, Lines: tree.Files[path].Count(character => character == '\n')))
                .Where(file => file.Lines > LongestFileInLines)
                .Select(file => $"{file.Path} has {file.Lines}"),
            tree => tree.With("src/Camels.Engine/X.cs", new string('\n', LongestFileInLines + 1))),
        ["no paths of a machine"] = new Rule(
            "no file names a folder of the machine it was written on",
            "it would work there only",
            tree => Matching(tree, tree.Files.Keys, MachinePath()),
            tree => tree.With("docs/x.md", string.Concat("see /ho", "me/notes"))),
        ["nothing is postponed"] = new Rule(
            "no stub, no postponed work, no test that is skipped by hand",
            "what is called done is done; what is open is an issue",
            tree => Matching(tree, tree.Files.Keys.Where(path => path.StartsWith("src/", StringComparison.Ordinal) || path.StartsWith("tests/", StringComparison.Ordinal)), Postponed()),
            tree => tree.With("src/Camels.Engine/X.cs", string.Concat("throw new NotImpl", "ementedException();"))),
        ["public members are documented"] = new Rule(
            "nothing in src silences the missing-documentation warning, and warnings are errors",
            "shapes, units and errors of a public member stand in its documentation",
            tree => tree.Product.Where(path => tree.Files[path].Contains("CS1591", StringComparison.Ordinal))
                .Concat(new[] { "<GenerateDocumentationFile>true", "<TreatWarningsAsErrors>true", "<EnforceCodeStyleInBuild>true" }
                    .Where(setting => !tree.Files["Directory.Build.props"].Contains(setting, StringComparison.Ordinal))
                    .Select(setting => $"Directory.Build.props lacks {setting}")),
            tree => tree.With("src/Camels.Engine/X.cs", "#pragma warning disable CS1591")),
        ["namespaces are file-scoped"] = new Rule(
            "no namespace has braces",
            "a level of indentation that says nothing",
            tree => tree.CSharp.Where(path => BracedNamespace().IsMatch(tree.Files[path])),
            tree => tree.With("src/Camels.Engine/X.cs", "namespace Camels.Engine\n{\n}")),
        ["operators and tokenizers run on every path"] = new Rule(
            "tests in Camels.Kernels.Tests/Ops and Camels.Engine.Tests/Tokenizers have the category Paths",
            "the test command repeats that category with narrower vectors; what lacks it is tested on this machine's widest only",
            tree => tree.CSharp.Where(path => PathTests().IsMatch(path))
                .Where(path => TestMethod().IsMatch(tree.Files[path]) && !tree.Files[path].Contains("[Trait(\"Category\", \"Paths\")]", StringComparison.Ordinal)),
            tree => tree.With("tests/Camels.Kernels.Tests/Ops/XTests.cs", "    [Fact]\n")),
        ["one verb a file"] = new Rule(
            "every file Verbs/XVerb.cs holds the class XVerb and is in VerbCatalog.cs",
            "a verb is found by its name, and help lists them all",
            tree => tree.Product.Where(path => VerbFile().IsMatch(path))
                .Select(path => Path.GetFileNameWithoutExtension(path))
                .Where(name => name != "Verb" && !tree.Files["src/Camels.Cli/Verbs/VerbCatalog.cs"].Contains($"new {name}()", StringComparison.Ordinal)),
            tree => tree.With("src/Camels.Cli/Verbs/ForgottenVerb.cs", "")),
    };

    private static IEnumerable<string> Matching(SourceTree tree, IEnumerable<string> paths, Regex pattern) =>
        paths.SelectMany(path => pattern.Matches(tree.Files[path])
            .Select(match => $"{path}:{1 + tree.Files[path].AsSpan(0, match.Index).Count('\n')}: {match.Value.Trim()}"));

    [GeneratedRegex(@"\b(DllImport|LibraryImport|NativeLibrary)\b")]
    private static partial Regex NativeImport();

    [GeneratedRegex(@"(^|[^A-Za-z0-9.])/(root|home|tmp|mnt|Users)/\w+", RegexOptions.Multiline)]
    private static partial Regex MachinePath();

    [GeneratedRegex(@"\b(TO[D]O|FIX[M]E|XX[X]|NotImpl[e]mentedException)\b|Sk[i]p\s*=\s*""")]
    private static partial Regex Postponed();

    [GeneratedRegex(@"^namespace [\w.]+\s*\{", RegexOptions.Multiline)]
    private static partial Regex BracedNamespace();

    [GeneratedRegex(@"^tests/(Camels\.Kernels\.Tests/Ops|Camels\.Engine\.Tests/Tokenizers)/")]
    private static partial Regex PathTests();

    [GeneratedRegex(@"^\s*\[(Shared)?(Fact|Theory)\b", RegexOptions.Multiline)]
    private static partial Regex TestMethod();

    [GeneratedRegex(@"^src/Camels\.Cli/Verbs/\w+Verb\.cs$")]
    private static partial Regex VerbFile();
}
