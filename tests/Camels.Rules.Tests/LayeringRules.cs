using System.Text.RegularExpressions;

namespace Camels.Rules.Tests;

/// <summary>Which way things may point: between projects, and between the engine's folders.</summary>
internal static partial class LayeringRules
{
    // What a project may reference, by project file.
    private static readonly Dictionary<string, string[]> Projects = new()
    {
        ["src/Camels.Kernels/Camels.Kernels.csproj"] = [],
        ["src/Camels.Engine/Camels.Engine.csproj"] = ["Camels.Kernels"],
        ["src/Camels.Cli/Camels.Cli.csproj"] = ["Camels.Engine"],
    };

    // What an engine folder may use of the others.
    private static readonly Dictionary<string, string[]> Folders = new()
    {
        ["Parameters"] = [],
        ["Layers"] = ["Parameters"],
        ["Models"] = ["Layers", "Parameters"],
        ["Sharding"] = ["Parameters"],
        ["Tokenizers"] = [],
        ["Data"] = ["Tokenizers"],
        ["Checkpoints"] = ["Models", "Parameters", "Tokenizers"],
        ["Training"] = ["Checkpoints", "Data", "Layers", "Models", "Parameters", "Sharding", "Tokenizers"],
        ["Generation"] = ["Checkpoints", "Layers", "Models", "Parameters", "Tokenizers"],
        ["Verification"] =
            ["Checkpoints", "Data", "Generation", "Layers", "Models", "Parameters", "Sharding", "Tokenizers", "Training"],
        ["Evaluation"] = ["Checkpoints", "Data", "Generation", "Layers", "Models", "Parameters", "Tokenizers"],
    };

    public static Dictionary<string, Rule> All { get; } = new()
    {
        ["projects point one way"] = new Rule(
            "Camels.Kernels references nothing, Camels.Engine only Camels.Kernels, Camels.Cli only Camels.Engine",
            "kernels that know models, or an engine that prints, cannot be reused or tested alone",
            tree => Projects.SelectMany(project => ProjectReference().Matches(tree.Files[project.Key])
                .Select(match => match.Groups[1].Value)
                .Where(name => !project.Value.Contains(name))
                .Select(name => $"{project.Key} references {name}")),
            tree => tree.With("src/Camels.Kernels/Camels.Kernels.csproj", "<ProjectReference Include=\"../Camels.Engine/Camels.Engine.csproj\" />")),
        ["engine folders point one way"] = new Rule(
            "a folder of Camels.Engine uses only the folders below it",
            "layers that know models, or models that know ranks, make every family a special case",
            tree => tree.CSharp.SelectMany(path => MentionsOfFolders(path, tree.Files[path])),
            tree => tree.With("src/Camels.Engine/Layers/X.cs", "using Camels.Engine.Models;")),
        ["engine folders are known"] = new Rule(
            "every folder of Camels.Engine has a place in the layering",
            "a folder that nobody placed may point anywhere",
            tree => tree.Product.Select(EngineFolder).OfType<string>().Distinct().Where(folder => !Folders.ContainsKey(folder)),
            tree => tree.With("src/Camels.Engine/Helpers/X.cs", "")),
        ["namespaces are folders"] = new Rule(
            "in Camels.Engine and Camels.Cli a file's namespace is its folder's; in Camels.Kernels it may be a folder further up",
            "the layering is checked by namespace, and a reader looks for a type where its namespace says",
            tree => tree.CSharp.Where(path => path.StartsWith("src/", StringComparison.Ordinal)).Where(path => !HasNamespaceOfFolder(path, tree.Files[path])),
            tree => tree.With("src/Camels.Engine/Data/X.cs", "namespace Camels.Engine.Layers;")),
        ["layers do not know devices"] = new Rule(
            "no file of Layers names a kind of device, none of Models a rank or shard",
            "operators choose the device; the decoder's loop is the only place that shards",
            tree => tree.CSharp.Where(path =>
                (path.StartsWith("src/Camels.Engine/Layers/", StringComparison.Ordinal) && DeviceKinds().IsMatch(Code(tree.Files[path])))
                || (path.StartsWith("src/Camels.Engine/Models/", StringComparison.Ordinal) && Ranks().IsMatch(Code(tree.Files[path])))),
            tree => tree.With("src/Camels.Engine/Layers/X.cs", "if (device.Kind == DeviceKind.Cpu)")),
    };

    private static IEnumerable<string> MentionsOfFolders(string path, string text)
    {
        if (EngineFolder(path) is not string from || !Folders.TryGetValue(from, out string[]? allowed))
        {
            return [];
        }

        string code = Code(text);
        return Folders.Keys
            .Where(folder => folder != from && !allowed.Contains(folder))
            .Where(folder => Regex.IsMatch(code, $@"Camels\.Engine\.{folder}\b|(?<![\w.])Engine\.{folder}\."))
            .Select(folder => $"{path} uses {folder}");
    }

    private static string? EngineFolder(string path) =>
        path.Split('/') is ["src", "Camels.Engine", string folder, _, ..] ? folder : null;

    private static bool HasNamespaceOfFolder(string path, string text)
    {
        Match match = Namespace().Match(text);
        string folder = string.Join('.', path.Split('/')[1..^1]);
        string declared = match.Groups[1].Value;
        bool isShared = declared.StartsWith("Camels.Kernels", StringComparison.Ordinal)
            && folder.StartsWith($"{declared}.", StringComparison.Ordinal);
        return declared == folder || isShared;
    }

    // Without comments, so that documentation may point upwards.
    private static string Code(string text) => Comment().Replace(text, "");

    [GeneratedRegex(@"<ProjectReference Include=""[^""]*?([^/\\""]+)\.csproj""")]
    private static partial Regex ProjectReference();

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    [GeneratedRegex("//.*")]
    private static partial Regex Comment();

    [GeneratedRegex(@"\bDeviceKind\b")]
    private static partial Regex DeviceKinds();

    [GeneratedRegex(@"\b(Communicator|Cluster|WorldSize|Rank)\b")]
    private static partial Regex Ranks();
}
