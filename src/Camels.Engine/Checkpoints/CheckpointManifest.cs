using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;

namespace Camels.Engine.Checkpoints;

/// <summary>Where and from what a run computes: equal bits are promised as long as none of it changes.</summary>
/// <param name="Device">The kind of device, as --device names it.</param>
/// <param name="KernelPath">The path its kernels took, for example "avx512" or "sm_90a".</param>
/// <param name="InstructionSet">The processor's architecture, or the GPU's name.</param>
/// <param name="Recipe">The resolved recipe, as text.</param>
/// <param name="Data">The key of the prepared data: of its files' bytes, the tokenizer, the template and the settings.</param>
/// <param name="Base">The key of what a run takes from its model's folder at every start: the config, and weights where some are frozen.</param>
public sealed record CheckpointOrigin(string Device, string KernelPath, string InstructionSet, string Recipe, string Data, string Base);

/// <summary>manifest.json of a checkpoint: written last, it lists every other file with its length and SHA-256, and holds its own.</summary>
public sealed record CheckpointManifest(long Step, CheckpointOrigin Origin, IReadOnlyList<WrittenFile> Files)
{
    /// <summary>The file's name in the checkpoint.</summary>
    public const string Name = "manifest.json";

    private const string Format = "camels checkpoint 2";
    private const long MaximumBytes = 100_000_000;
    private const long LargestNumber = 1L << 53;

    /// <summary>The bytes of manifest.json.</summary>
    public byte[] ToJson() => ToJson(Digest());

    /// <summary>Reads the manifest of a checkpoint.</summary>
    /// <exception cref="CamelsException">It is missing or malformed: exit code 3.</exception>
    public static CheckpointManifest Read(string checkpoint)
    {
        string path = Path.Combine(checkpoint, Name);
        using JsonDocument document = StrictJson.ReadObject(path, MaximumBytes);
        JsonFields fields = new(document.RootElement, path);
        fields.Require("format", fields.Text("format") == Format, $"\"{Format}\"");
        CheckpointOrigin origin = new(
            fields.RequiredText("device"), fields.RequiredText("kernel_path"), fields.RequiredText("instruction_set"), fields.RequiredText("recipe"),
            fields.RequiredText("data"), fields.RequiredText("base"));
        CheckpointManifest manifest = new(fields.Integer64("step", 0, LargestNumber), origin, [.. fields.Objects("files").Select(ReadFile)]);
        string digest = manifest.Digest();
        fields.Require("sha256", fields.RequiredText("sha256") == digest, $"\"{digest}\", the SHA-256 of the rest");
        return manifest;
    }

    /// <summary>The files of training state.</summary>
    public IEnumerable<string> StatePaths(string checkpoint) =>
        Files.Where(file => CheckpointFolders.IsStateName(file.Path)).Select(file => Path.Combine(checkpoint, file.Path));

    /// <summary>Compares every file with the manifest; many are read at once.</summary>
    /// <exception cref="CamelsException">One is missing or differs; the message names it: exit code 3.</exception>
    public void RequireFiles(string checkpoint)
    {
        string?[] problems = new string?[Files.Count];
        _ = Parallel.For(0, Files.Count, i => problems[i] = Problem(checkpoint, Files[i]));
        if (Array.Find(problems, problem => problem is not null) is string first)
        {
            throw CamelsException.BadInput($"{checkpoint}: {first}");
        }
    }

    /// <summary>What is wrong with a file, or null.</summary>
    public static string? Problem(string checkpoint, WrittenFile file)
    {
        try
        {
            using FileStream stream = new(Path.Combine(checkpoint, file.Path), FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            if (stream.Length != file.Bytes)
            {
                return string.Create(CultureInfo.InvariantCulture, $"{file.Path} has {stream.Length} bytes, the manifest says {file.Bytes}");
            }

            bool isEqual = Convert.ToHexStringLower(SHA256.HashData(stream)) == file.Sha256;
            return isEqual ? null : $"{file.Path} has another SHA-256 than the manifest says";
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            return $"{file.Path} cannot be read: {problem.Message.ReplaceLineEndings(" ")}";
        }
    }

    // Of everything else in the file: a flipped bit in the recipe must not look like a recipe that somebody changed.
    private string Digest() => Convert.ToHexStringLower(SHA256.HashData(ToJson("")));

    private byte[] ToJson(string sha256) => JsonText.Of(new
    {
        Format,
        Step,
        Origin.Device,
        Origin.KernelPath,
        Origin.InstructionSet,
        Origin.Recipe,
        Origin.Data,
        Origin.Base,
        Files,
        Sha256 = sha256,
    });

    private static WrittenFile ReadFile(JsonFields fields)
    {
        string path = fields.RequiredText("path");
        bool isInside = path.Length > 0 && path.IndexOfAny(['\\', ':', '\0']) < 0 && !path.Split('/').Any(part => part is "" or "." or "..");
        fields.Require("path", isInside, "a path inside the checkpoint");
        string sha256 = fields.RequiredText("sha256");
        return new WrittenFile(path, fields.Integer64("bytes", 0, LargestNumber), sha256);
    }
}
