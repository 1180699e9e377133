using System.Text.RegularExpressions;

namespace Camels.Rules.Tests;

/// <summary>An operator is a folder with a statement, a truth and a fast version for each kind of device, and cases that everything else is tested with.</summary>
internal static partial class OperatorRules
{
    private const string Folder = "src/Camels.Kernels/Ops/";

    public static Dictionary<string, Rule> All { get; } = new()
    {
        ["operators have their files"] = new Rule(
            "every folder Ops/X has X.cs, X.Reference.cs, X.Cpu.cs and X.Cuda.cs",
            "formula, truth and fast versions are read side by side, and a reader knows where each is",
            tree => Operators(tree).SelectMany(op => new[] { $"{op}.cs", $"{op}.Reference.cs", $"{op}.Cpu.cs", $"{op}.Cuda.cs" }
                .Select(file => $"{Folder}{op}/{file}")
                .Where(path => !tree.Files.ContainsKey(path))
                .Select(path => $"{path} is missing")),
            tree => tree.With($"{Folder}Unfinished/Unfinished.cs", "")),
        ["operators have cases"] = new Rule(
            "every operator has an entry in tests/Camels.Testing/OpCases.cs",
            "the cases are what agreement between devices, finite differences and timing are made from",
            tree => Operators(tree).Where(op => !Regex.IsMatch(tree.Files["tests/Camels.Testing/OpCases.cs"], $@"\[""{op}""\]")),
            tree => tree.With($"{Folder}Untested/Untested.cs", "")),
        ["operators state and check"] = new Rule(
            "X.cs begins its class with a summary and checks the shapes of its arguments",
            "a kernel that believes its caller writes outside a tensor in silence",
            tree => Operators(tree).Select(op => $"{Folder}{op}/{op}.cs")
                .Where(path => tree.Files.TryGetValue(path, out string? text) && !StatesAndChecks().IsMatch(text)),
            tree => tree.With($"{Folder}Silent/Silent.cs", "namespace Camels.Kernels;")),
    };

    private static IEnumerable<string> Operators(SourceTree tree) =>
        tree.Product.Where(path => path.StartsWith(Folder, StringComparison.Ordinal))
            .Select(path => path[Folder.Length..].Split('/'))
            .Where(parts => parts.Length > 1)
            .Select(parts => parts[0])
            .Distinct();

    [GeneratedRegex(@"/// <summary>.*public static (unsafe )?partial class .*\.Require", RegexOptions.Singleline)]
    private static partial Regex StatesAndChecks();
}
