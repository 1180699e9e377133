using Camels.Testing;

namespace Camels.Rules.Tests;

/// <summary>The repository's text files by path (forward slashes, relative to the root).</summary>
internal sealed record SourceTree(IReadOnlyDictionary<string, string> Files)
{
    private static readonly string[] Generated = ["bin", "obj", ".git", ".vs", "TestResults", "BenchmarkDotNet.Artifacts", "runs", "artifacts"];
    private static readonly string[] TextEndings =
        [".cs", ".csproj", ".props", ".md", ".json", ".yaml", ".yml", ".cu", ".cuh", ".sh", ".sln", ".editorconfig", ".gitignore", "test", "run"];

    /// <summary>The checkout that the tests run in.</summary>
    public static SourceTree Repository { get; } = Read(SharedFiles.Repository);

    public IEnumerable<string> Product => Files.Keys.Where(path => path.StartsWith("src/", StringComparison.Ordinal));

    public IEnumerable<string> CSharp => Files.Keys.Where(path => path.EndsWith(".cs", StringComparison.Ordinal));

    /// <summary>The same tree with one more file, or one replaced.</summary>
    public SourceTree With(string path, string text) => new(new Dictionary<string, string>(Files) { [path] = text });

    /// <summary>The same tree without a file.</summary>
    public SourceTree Without(string path) => new(Files.Where(file => file.Key != path).ToDictionary());

    private static SourceTree Read(string root)
    {
        Dictionary<string, string> files = [];
        Collect(new DirectoryInfo(root), root, files);
        return new SourceTree(files);
    }

    private static void Collect(DirectoryInfo folder, string root, Dictionary<string, string> files)
    {
        foreach (FileInfo file in folder.EnumerateFiles())
        {
            if (TextEndings.Any(ending => file.Name.EndsWith(ending, StringComparison.Ordinal)))
            {
                files[Path.GetRelativePath(root, file.FullName).Replace('\\', '/')] = File.ReadAllText(file.FullName);
            }
        }

        foreach (DirectoryInfo child in folder.EnumerateDirectories().Where(child => !Generated.Contains(child.Name)))
        {
            Collect(child, root, files);
        }
    }
}
