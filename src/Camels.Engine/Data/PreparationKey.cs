using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Camels.Engine.Tokenizers;

namespace Camels.Engine.Data;

/// <summary>
/// The key of prepared data: equal exactly where the data bytes, the tokenizer, the template, the settings and the layout are. Where the
/// files lie is not part of it.
/// </summary>
internal static class PreparationKey
{
    public static string Compute(
        PreparationSettings settings, ChatTemplate template, ITokenizer tokenizer, IEnumerable<OpenedSource> sources, CancellationToken cancellation)
    {
        var content = new
        {
            PreparedManifest.CurrentVersion,
            Sources = sources.Select(source => Describe(source, cancellation)),
            Tokenizer = new { tokenizer.Sha256, tokenizer.VocabularySize, tokenizer.BosId, tokenizer.EosId, tokenizer.AddsBos },
            Template = template,
            Settings = settings with { Sources = [], ValidationSources = [], Template = "" },
            Draws = settings.ValidationSources.Concat(settings.Sources).Select(source => new { source.Fraction, source.Weight, source.Most }),
        };
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(content))));
    }

    private static object Describe(OpenedSource source, CancellationToken cancellation)
    {
        List<string> files = [];
        foreach (string file in source.Input.Files)
        {
            cancellation.ThrowIfCancellationRequested();
            files.Add(DataFiles.Sha256(file));
        }

        return new { source.Input.Dataset, source.Input.Trees, source.Input.Map, source.Input.Names, source.Examples, source.Audit.IsValidation, Files = files };
    }
}
