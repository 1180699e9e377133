using Camels.Engine.Data.Datasets;

namespace Camels.Engine.Data;

/// <summary>What a dataset's reader gets.</summary>
public sealed class DatasetInput
{
    private long _bytesRead;

    /// <summary>The dataset's name, not an alias.</summary>
    public required string Dataset { get; init; }

    /// <summary>The files to read, in this order.</summary>
    public required IReadOnlyList<string> Files { get; init; }

    /// <summary>The run's seed, for datasets that draw.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Bytes of the files read so far, for progress.</summary>
    public long BytesRead => Interlocked.Read(ref _bytesRead);

    /// <summary>Readers report what they took from a file.</summary>
    public void CountBytes(int bytes) => Interlocked.Add(ref _bytesRead, bytes);
}

/// <summary>One known dataset.</summary>
/// <param name="Name">Its name in recipes.</param>
/// <param name="Aliases">Other names it answers to.</param>
/// <param name="Read">Streams the conversations of its files; one reader may serve several datasets of equal format.</param>
public sealed record DatasetFormat(string Name, string[] Aliases, Func<DatasetInput, IEnumerable<Conversation>> Read)
{
    // What is read from a folder.
    private static readonly string[] _extensions = [".json", ".jsonl"];

    /// <summary>
    /// The data files at <paramref name="path"/>: the file itself, or a folder's .json and .jsonl files in ordinal order of their names.
    /// Missing or none: exit code 3.
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

        string[] files = [.. Directory.EnumerateFiles(path)
            .Where(file => _extensions.Contains(Path.GetExtension(file)))
            .Order(StringComparer.Ordinal)];
        return files.Length > 0
            ? files
            : throw CamelsException.BadInput($"{path}: the folder has no {string.Join(" or ", _extensions)} file (data of {Name}).");
    }
}

/// <summary>The datasets that Camels reads. To add one: a file in Datasets and a line here.</summary>
public static class DatasetCatalog
{
    private static readonly DatasetFormat[] _formats =
    [
        new("messages", [], Messages.Read),
        new("prompt_completion", [], PromptCompletion.Read),
        new("stanford_alpaca", ["alpaca"], StanfordAlpaca.Read),
        new("code_alpaca", [], StanfordAlpaca.Read),
        new("gpt4_alpaca", [], StanfordAlpaca.Read),
        new("dolly", [], Dolly.Read),
    ];

    /// <summary>All known datasets.</summary>
    public static IReadOnlyList<DatasetFormat> Formats => _formats;

    /// <summary>The dataset called <paramref name="name"/> or so aliased; unknown: exit code 3, naming the known ones.</summary>
    public static DatasetFormat Find(string name) =>
        Array.Find(_formats, format => format.Name == name || format.Aliases.Contains(name))
        ?? throw CamelsException.BadInput(
            $"unknown dataset \"{name}\"; known are {string.Join(", ", _formats.SelectMany(format => format.Aliases.Prepend(format.Name)))}.");
}
