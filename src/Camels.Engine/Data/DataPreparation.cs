using Camels.Engine.Tokenizers;

namespace Camels.Engine.Data;

/// <summary>How far a preparation is.</summary>
/// <param name="Stage">What is being done, for a person.</param>
/// <param name="Fraction">Of the stage, 0 to 1.</param>
/// <param name="Conversations">Conversations so far.</param>
/// <param name="Tokens">Tokens so far.</param>
public readonly record struct PreparationProgress(string Stage, double Fraction, long Conversations, long Tokens);

/// <summary>Prepared data, opened.</summary>
/// <param name="Train">What is trained on.</param>
/// <param name="Validation">What is held out, or null.</param>
/// <param name="Audit">Its audit.</param>
/// <param name="FromCache">True where the folder held it already.</param>
public sealed record PreparationResult(PreparedData Train, PreparedData? Validation, Audit Audit, bool FromCache) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose()
    {
        Train.Dispose();
        Validation?.Dispose();
    }
}

/// <summary>
/// Datasets → conversations → tokens with masks → packed rows, in a folder. The result is a function of data, tokenizer and settings alone,
/// not of threads.
/// </summary>
public static class DataPreparation
{
    /// <summary>
    /// Prepares data, or opens what <paramref name="outputFolder"/> already holds of the same key. The folder appears whole or not at all;
    /// prepared data of another key in it is replaced, anything else in it is refused (exit code 2). Several processes may ask for the same
    /// folder at once: the first prepares, the others wait.
    /// </summary>
    /// <param name="settings">What to prepare.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="outputFolder">The folder of the prepared data, and of nothing else.</param>
    /// <param name="progress">Told now and then.</param>
    /// <param name="cancellation">Ends it early; nothing is left behind.</param>
    /// <exception cref="CamelsException">Bad settings: exit code 2. Bad data, or the audit refuses: 3. Disk full or unwritable: 5.</exception>
    public static PreparationResult Prepare(
        PreparationSettings settings,
        ITokenizer tokenizer,
        string outputFolder,
        IProgress<PreparationProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        settings.Check();
        ChatTemplate template = ChatTemplate.Find(settings.Template);
        TemplateEncoder encoder = new(template, tokenizer, settings.Compatibility);
        OpenedSource[] sources = OpenedSource.OpenAll(settings, tokenizer);
        using PreparedFolder folder = new(outputFolder, cancellation);
        progress?.Report(new PreparationProgress("looking for prepared data", 0, 0, 0));
        string key = PreparationKey.Compute(settings, template, tokenizer, sources, cancellation);
        if (folder.Holds(key))
        {
            return Open(folder.Path, Audit.Read(folder.Path), isFromCache: true);
        }

        Audit audit = folder.Replace(partial =>
        {
            PreparedManifest manifest = new()
            {
                Version = PreparedManifest.CurrentVersion,
                Key = key,
                TokenizerSha256 = tokenizer.Sha256,
                VocabularySize = tokenizer.VocabularySize,
                AddsBos = tokenizer.AddsBos,
                BosId = tokenizer.BosId,
                EosId = encoder.EndId,
                Template = template.Name,
                TemplateBos = encoder.Bos,
                SequenceLength = settings.SequenceLength,
                SourceNames = [.. sources.Select(source => source.Audit.Name)],
                Files = [],
            };
            using (PreparationRun run = new(settings, encoder, sources, partial, progress, cancellation))
            {
                run.Write(manifest.Files);
            }

            Audit audit = Measure(partial, manifest, sources);
            audit.Require(settings.Strict, settings.Compatibility);
            audit.Write(partial);
            manifest.Write(partial);
            return audit;
        });
        return Open(folder.Path, audit, isFromCache: false);
    }

    private static Audit Measure(string folder, PreparedManifest manifest, OpenedSource[] sources)
    {
        (PreparedData train, PreparedData? validation) = PreparedData.OpenSplits(folder, manifest);
        using (train)
        using (validation)
        {
            return new Audit
            {
                Key = manifest.Key,
                Sources = [.. sources.Select(source => source.Audit)],
                Train = SplitAudit.Measure(train),
                Validation = validation is null ? null : SplitAudit.Measure(validation),
            };
        }
    }

    private static PreparationResult Open(string folder, Audit audit, bool isFromCache)
    {
        (PreparedData train, PreparedData? validation) = PreparedData.OpenSplits(folder, PreparedManifest.Read(folder));
        return new PreparationResult(train, validation, audit, isFromCache);
    }
}
