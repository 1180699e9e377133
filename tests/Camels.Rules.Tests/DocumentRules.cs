using System.Text.RegularExpressions;

namespace Camels.Rules.Tests;

/// <summary>What the documents must say.</summary>
internal static partial class DocumentRules
{
    private const string QuickstartCommand = "dotnet run -c Release --project src/Camels.Cli -- quickstart";

    public static Dictionary<string, Rule> All { get; } = new()
    {
        ["the readme's two commands"] = new Rule(
            "README.md begins with exactly one command that shows the program and one that tests it, each once as a line of its own",
            "two commands are all that a newcomer has to know",
            tree => new[] { QuickstartCommand, "./test" }.Where(command => CountLines(tree.Files["README.md"], command) != 1),
            tree => tree.With("README.md", "")),
        ["packages are explained"] = new Rule(
            "docs/dependencies.md names every package of Directory.Packages.props",
            "a dependency that nobody can justify is one to remove",
            tree => PackageVersion().Matches(tree.Files["Directory.Packages.props"]).Select(match => match.Groups[1].Value)
                .Where(package => !tree.Files["docs/dependencies.md"].Contains(package, StringComparison.Ordinal)),
            tree => tree.With("Directory.Packages.props", "<PackageVersion Include=\"Unexplained.Package\" Version=\"1\" />")),
        ["packages are locked"] = new Rule(
            "every project has a packages.lock.json",
            "two builds of one commit must get the same packages",
            tree => tree.Files.Keys.Where(path => path.EndsWith(".csproj", StringComparison.Ordinal))
                .Select(path => $"{path[..path.LastIndexOf('/')]}/packages.lock.json")
                .Where(path => !tree.Files.ContainsKey(path)),
            tree => tree.Without("src/Camels.Engine/packages.lock.json")),
        ["versions stand in one place"] = new Rule(
            "no project file names a package version",
            "two projects with two versions of one package fail where nobody looks",
            tree => tree.Files.Keys.Where(path => path.EndsWith(".csproj", StringComparison.Ordinal))
                .Where(path => PackageWithVersion().IsMatch(tree.Files[path])),
            tree => tree.With("src/Camels.Engine/Camels.Engine.csproj", "<PackageReference Include=\"X\" Version=\"1\" />")),
        ["documents are indexed"] = new Rule(
            "docs/README.md links every page of docs",
            "a page that nobody can find is not written",
            tree => tree.Files.Keys.Where(path => Documents().IsMatch(path) && path != "docs/README.md")
                .Where(path => !tree.Files["docs/README.md"].Contains($"({path["docs/".Length..]})", StringComparison.Ordinal)),
            tree => tree.With("docs/x.md", "")),
        ["documents exist that are linked"] = new Rule(
            "every relative link of README.md and docs/*.md leads to a file",
            "a dead link says that the page is old",
            tree => tree.Files.Keys.Where(path => path == "README.md" || Documents().IsMatch(path)).SelectMany(path => DeadLinks(tree, path)),
            tree => tree.With("docs/x.md", "[gone](gone.md)")),
    };

    private static int CountLines(string text, string line) => text.Split('\n').Count(candidate => candidate.Trim() == line);

    private static IEnumerable<string> DeadLinks(SourceTree tree, string path)
    {
        string folder = path.Contains('/') ? path[..path.LastIndexOf('/')] : "";
        return Link().Matches(tree.Files[path]).Select(match => match.Groups[1].Value)
            .Where(link => !link.Contains("://", StringComparison.Ordinal) && !link.StartsWith('#'))
            .Select(link => Path.GetRelativePath("/", Path.GetFullPath(link.Split('#')[0], $"/{folder}")))
            .Where(target => !tree.Files.Keys.Any(file => file == target || file.StartsWith($"{target}/", StringComparison.Ordinal) || target is "LICENSE"))
            .Select(target => $"{path} links to {target}");
    }

    [GeneratedRegex("<PackageVersion Include=\"([^\"]+)\"")]
    private static partial Regex PackageVersion();

    [GeneratedRegex("<PackageReference [^>]*Version=")]
    private static partial Regex PackageWithVersion();

    [GeneratedRegex(@"^docs/.*\.md$")]
    private static partial Regex Documents();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();
}
