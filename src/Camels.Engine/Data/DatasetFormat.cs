using System.IO.Enumeration;

namespace Camels.Engine.Data;

/// <summary>One known dataset.</summary>
/// <param name="Name">Its name in recipes.</param>
/// <param name="Aliases">Other names it answers to.</param>
/// <param name="Read">Streams the conversations of its files; one reader may serve several datasets of equal format.</param>
public sealed record DatasetFormat(string Name, string[] Aliases, Func<DatasetInput, IEnumerable<Conversation>> Read)
{
    /// <summary>What most datasets are published as.</summary>
    public static IReadOnlyList<string> JsonExtensions { get; } = [".json", ".jsonl", ".ndjson"];

    /// <summary>What data files end in, .gz aside, in small letters or capitals.</summary>
    public IReadOnlyList<string> Extensions { get; init; } = JsonExtensions;

    /// <summary>What the publisher calls the data files, without what they end in; * stands for anything. Asked in folders, and in a .zip that has such.</summary>
    public string FileNames { get; init; } = "*";

    /// <summary>Whether the reader asks what its files are called, so that other names can give other data.</summary>
    public bool ReadsNames { get; init; }

    /// <summary>
    /// The data files at <paramref name="path"/>: the file itself, or those in a folder and the folders below it, in ordinal order of their
    /// paths. Missing or none: exit code 3.
    /// </summary>
    public IReadOnlyList<string> FilesAt(string path)
    {
        if (File.Exists(path))
        {
            return [path];
        }

        if (!Directory.Exists(path))
        {
            throw CamelsException.BadInput($"{path}: no such file or folder (data of {Name}).");
        }

        string[] files = DataFiles.Below(path, IsDataFile);
        return files.Length > 0
            ? files
            : throw CamelsException.BadInput(
                $"{path}: the folder has no {string.Join(" or ", Extensions.Select(extension => FileNames.TrimStart('*') + extension))} file "
                + $"(data of {Name}; .gz and .zip of them are read too).");
    }

    /// <summary>Whether what a file ends in is one of these, in small letters or capitals.</summary>
    internal static bool IsAmong(IEnumerable<string> extensions, string extension) => extensions.Contains(extension, StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether a file is called so; see <see cref="FileNames"/>.</summary>
    internal static bool IsNamed(string path, string fileNames) =>
        FileSystemName.MatchesSimpleExpression(fileNames, Path.GetFileNameWithoutExtension(WithoutGzip(path)), ignoreCase: false);

    private static string WithoutGzip(string path) =>
        path.EndsWith(DataFiles.GzipExtension, StringComparison.OrdinalIgnoreCase) ? path[..^DataFiles.GzipExtension.Length] : path;

    private bool IsDataFile(string path)
    {
        string extension = Path.GetExtension(WithoutGzip(path));
        return (IsAmong(Extensions, extension) || IsAmong([DataFiles.ZipExtension], extension)) && IsNamed(path, FileNames);
    }
}
