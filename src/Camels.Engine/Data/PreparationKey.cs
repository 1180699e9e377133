using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Camels.Engine.Tokenizers;

namespace Camels.Engine.Data;

/// <summary>
/// The key of prepared data: equal exactly where the data bytes, the tokenizer, the template, the settings and the layout are. Where the
/// files lie is not part of it; what they are called is, where a reader asks it.
/// </summary>
internal static class PreparationKey
{
    public static string Compute(
        PreparationSettings settings, ChatTemplate template, ITokenizer tokenizer, OpenedSource[] sources, CancellationToken cancellation)
    {
        foreach (OpenedSource source in sources)
        {
            Seal(source, cancellation);
        }

        var content = new
        {
            PreparedManifest.CurrentVersion,
            Sources = sources.Select(Describe),
            Tokenizer = new { tokenizer.Sha256, tokenizer.VocabularySize, tokenizer.BosId, tokenizer.EosId, tokenizer.AddsBos },
            Template = template,
            Settings = settings with { Sources = [], ValidationSources = [], Template = "", EvaluationFolder = null },
            Evaluation = settings.EvaluationFolder is string folder ? HashOf(folder) : null,
            Draws = settings.ValidationSources.Concat(settings.Sources).Select(source => new { source.Fraction, source.Weight, source.Most }),
        };
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(content))));
    }

    private static object Describe(OpenedSource source) => new
    {
        source.Input.Dataset,
        source.Input.Trees,
        source.Input.Map,
        source.Input.Names,
        source.Examples,
        source.Audit.IsValidation,
        Files = source.Audit.Files.Select(file => file.Sha256),
    };

    // Files are hashed side by side: this is most of what a second run does.
    private static void Seal(OpenedSource source, CancellationToken cancellation)
    {
        SourceFile[] files = new SourceFile[source.Input.Files.Count];
        ParallelOptions options = new() { CancellationToken = cancellation };
        try
        {
            _ = Parallel.For(0, files.Length, options, i => files[i] = new SourceFile(
                Path.GetFileName(source.Input.Files[i]), new FileInfo(source.Input.Files[i]).Length, DataFiles.Sha256(source.Input.Files[i])));
        }
        catch (AggregateException failures) when (failures.InnerException is CamelsException failure)
        {
            throw new CamelsException(failure.Code, failure.Message, failure);
        }

        source.Audit.Files.AddRange(files);
    }

    // Of evaluation sets the names decide what is read.
    private static string HashOf(string folder) => Directory.Exists(folder)
        ? string.Join(' ', Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Select(file => $"{Path.GetRelativePath(folder, file)} {DataFiles.Sha256(file)}"))
        : "";
}
