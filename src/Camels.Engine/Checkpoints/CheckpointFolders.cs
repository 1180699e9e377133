using System.Globalization;

namespace Camels.Engine.Checkpoints;

/// <summary>The names inside a run's folder of checkpoints.</summary>
public static class CheckpointFolders
{
    /// <summary>The model folder inside a checkpoint.</summary>
    public const string ModelName = "model";

    private const string Prefix = "step-";

    /// <summary>The folder of the checkpoint after <paramref name="step"/> optimizer steps.</summary>
    public static string NameOf(long step) => string.Create(CultureInfo.InvariantCulture, $"{Prefix}{step:D8}");

    /// <summary>The name of one of <paramref name="count"/> files of training state.</summary>
    public static string StateName(int file, int count) =>
        string.Create(CultureInfo.InvariantCulture, $"state-{file + 1:D5}-of-{count:D5}.safetensors");

    /// <summary>True for the name of a file of training state.</summary>
    public static bool IsStateName(string name) =>
        name.StartsWith("state-", StringComparison.Ordinal) && name.EndsWith(".safetensors", StringComparison.Ordinal);

    /// <summary>The steps of the checkpoints in <paramref name="folder"/>, whole or not, the newest first.</summary>
    public static IReadOnlyList<long> Steps(string folder)
    {
        if (!Directory.Exists(folder))
        {
            return [];
        }

        List<long> steps = [];
        foreach (string path in Directory.EnumerateDirectories(folder, Prefix + "*"))
        {
            string name = Path.GetFileName(path);
            bool isNumber = long.TryParse(name.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out long step);
            if (isNumber && name == NameOf(step))
            {
                steps.Add(step);
            }
        }

        return [.. steps.OrderDescending()];
    }
}
