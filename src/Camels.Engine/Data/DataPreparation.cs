using Camels.Engine.Tokenizers;

namespace Camels.Engine.Data;

/// <summary>How far a preparation is.</summary>
/// <param name="Stage">What is being done, for a person.</param>
/// <param name="Fraction">Of the stage, 0 to 1.</param>
/// <param name="Conversations">Conversations so far.</param>
/// <param name="Tokens">Tokens so far.</param>
public readonly record struct PreparationProgress(string Stage, double Fraction, long Conversations, long Tokens);

/// <summary>Prepared data, opened.</summary>
/// <param name="Folder">Where it lies.</param>
/// <param name="Train">What is trained on.</param>
/// <param name="Validation">What is held out, or null.</param>
/// <param name="Audit">Its audit.</param>
/// <param name="FromCache">True where the folder held it already.</param>
public sealed record PreparationResult(string Folder, PreparedData Train, PreparedData? Validation, Audit Audit, bool FromCache) : IDisposable
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
        settings = settings with { Sources = Mixtures.Expand(settings.Sources), ValidationSources = Mixtures.Expand(settings.ValidationSources) };
        ChatTemplate template = ChatTemplate.Find(settings.Template);
        TemplateEncoder encoder = new(template, tokenizer, settings.Compatibility);
        OpenedSource[] sources = OpenedSource.OpenAll(settings, tokenizer);
        DataFiles.RequireOutside(outputFolder, [.. settings.Sources, .. settings.ValidationSources]);
        void Waiting() => progress?.Report(new PreparationProgress("waiting for another process that prepares the same data", 0, 0, 0));
        using PreparedFolder folder = new(outputFolder, Waiting, cancellation);
        progress?.Report(new PreparationProgress("looking for prepared data", 0, 0, 0));
        string key = PreparationKey.Compute(settings, template, tokenizer, sources, cancellation);
        if (folder.Holds(key))
        {
            return OpenCached(folder.Path);
        }

        PreparationResult result = folder.Replace(partial =>
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
            ContaminationIndex? evaluation = settings.EvaluationFolder is string path ? new ContaminationIndex(EvaluationSets.Read(path)) : null;
            ContaminationAudit? contamination;
            using (PreparationRun run = new(settings, encoder, sources, evaluation, partial, progress, cancellation))
            {
                contamination = run.Write(manifest.Files);
            }

            progress?.Report(new PreparationProgress("auditing", 0, 0, 0));
            return Seal(partial, manifest, settings, sources, contamination);
        });
        return result with { Folder = folder.Path };
    }

    // Opens, measures, and writes audit and manifest where the audit allows.
    private static PreparationResult Seal(string folder, PreparedManifest manifest, PreparationSettings settings, OpenedSource[] sources, ContaminationAudit? contamination)
    {
        manifest = manifest with
        {
            Sources = [.. sources.Select(source => new PreparedSource(
                source.Audit.Name, source.Input.Dataset, source.Audit.Records, source.Audit.Taken, source.Audit.Files))],
        };
        AuditMeter trainMeter = new(manifest);
        AuditMeter validationMeter = new(manifest);
        (PreparedData train, PreparedData? validation) = OpenSplits(folder, manifest, trainMeter, validationMeter);
        try
        {
            Audit audit = new()
            {
                Key = manifest.Key,
                Sources = [.. sources.Select(source => source.Audit)],
                Train = trainMeter.Result(train),
                Validation = validation is null ? null : validationMeter.Result(validation),
                Contamination = contamination,
            };
            audit.Require(settings.Strict, settings.Compatibility);
            audit.Write(folder);
            manifest.Write(folder);
            return new PreparationResult(folder, train, validation, audit, FromCache: false);
        }
        catch
        {
            train.Dispose();
            validation?.Dispose();
            throw;
        }
    }

    private static PreparationResult OpenCached(string folder)
    {
        Audit audit = Audit.Read(folder);
        (PreparedData train, PreparedData? validation) = OpenSplits(folder, PreparedManifest.Read(folder), trainVisitor: null, validationVisitor: null);
        return new PreparationResult(folder, train, validation, audit, FromCache: true);
    }

    private static (PreparedData Train, PreparedData? Validation) OpenSplits(
        string folder, PreparedManifest manifest, IRowVisitor? trainVisitor, IRowVisitor? validationVisitor)
    {
        PreparedData train = PreparedData.Open(folder, PreparedData.TrainSplit, manifest, trainVisitor);
        try
        {
            bool hasValidation = manifest.Files.ContainsKey($"{PreparedData.ValidationSplit}.ids");
            return (train, hasValidation ? PreparedData.Open(folder, PreparedData.ValidationSplit, manifest, validationVisitor) : null);
        }
        catch
        {
            train.Dispose();
            throw;
        }
    }
}
