using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Camels.Engine.Checkpoints;
using Camels.Engine.Data;
using Camels.Engine.Models;
using Camels.Engine.Tokenizers;
using Camels.Kernels;
using Camels.Kernels.Interop;

namespace Camels.Engine.Training;

/// <summary>What watches a run: a person's terminal, a log, a test.</summary>
public interface IRunWatcher
{
    /// <summary>Cancelled when the run shall end: after the present step, with a checkpoint, or at once while data are prepared.</summary>
    CancellationToken Stop { get; }

    /// <summary>A line for a person.</summary>
    void Note(string text);

    /// <summary>Data preparation goes on.</summary>
    void Preparing(PreparationProgress progress);

    /// <summary>A step is done.</summary>
    void Stepped(in StepResult result, long steps, double? validationLoss);
}

/// <summary>How a run ended.</summary>
/// <param name="StepsDone">Optimizer steps done.</param>
/// <param name="Steps">Optimizer steps of the whole run.</param>
/// <param name="IsInterrupted">True where it was asked to stop.</param>
/// <param name="ModelPath">The finished model, or null where it was interrupted.</param>
public sealed record RunOutcome(long StepsDone, long Steps, bool IsInterrupted, string? ModelPath);

/// <summary>
/// One fine-tune from recipe to model folder: prepares data, plans memory, rehearses saving, trains, logs, validates, saves, exports. What
/// can be refused is refused before the first step.
/// </summary>
/// <param name="recipe">What to do.</param>
/// <param name="device">Where.</param>
/// <param name="resume">True to go on from the newest whole checkpoint of the run folder.</param>
/// <param name="watcher">What is told.</param>
/// <param name="peakFlopsPerSecond">The device's peak, which the log's mfu is a share of; NaN where it is not known.</param>
public sealed class FinetuneRun(Recipe recipe, Device device, bool resume, IRunWatcher watcher, double peakFlopsPerSecond = double.NaN)
{
    private const int DefaultSequenceLength = 2048;
    private static readonly TimeSpan _statusInterval = TimeSpan.FromSeconds(10);

    private TrainingPlan? _plan;
    private long _stepsDone;
    private long _steps;
    private bool _hasStepped;

    /// <summary>Where prepared data is kept between runs: CAMELS_CACHE, or the user's cache folder.</summary>
    public static string CacheFolder => Environment.GetEnvironmentVariable("CAMELS_CACHE") is { Length: > 0 } named
        ? named
        : Path.Combine(
            Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache
                ? cache
                : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"),
            "camels");

    /// <summary>Runs to the end, or until the watcher asks to stop.</summary>
    /// <exception cref="OperationCanceledException">It asked while data were prepared: nothing is done yet.</exception>
    public RunOutcome Run()
    {
        RequireInputsElsewhere();
        using RunFolder folder = RunFolder.Open(recipe.Output, resume);
        try
        {
            using StartingModel start = StartingModel.Open(recipe);
            using PreparationResult data = Prepare(recipe, start.Config, start.Tokenizer, watcher);
            return Train(folder, start, data);
        }
        catch (Exception failure) when (failure is CamelsException or NativeException or InsufficientMemoryException or IOException or UnauthorizedAccessException
            or NotFiniteNumberException)
        {
            CamelsException problem = failure as CamelsException ?? Explained(failure, folder);
            WriteFailure(folder, problem);
            if (problem == failure)
            {
                throw;
            }

            throw problem;
        }
        catch (OperationCanceledException)
        {
            if (!folder.RestoreStatus())
            {
                folder.WriteStatus(new RunStatus("interrupted", _stepsDone, _steps));
            }

            throw;
        }
    }

    // The end of a run replaces its model, and every checkpoint may remove an older one.
    private void RequireInputsElsewhere()
    {
        IEnumerable<(string Key, string? Path)> inputs =
        [
            ("model.path", recipe.Model.Path), ("model.adapter", recipe.Model.Adapter), ("model.tokenizer", recipe.Model.Tokenizer),
            .. recipe.Data.Sources.Select(source => ("data.sources", source.Path)),
            .. recipe.Data.Validation.Sources.Select(source => ("data.validation.sources", source.Path)),
        ];
        foreach ((string key, string? path) in inputs.Where(input => !string.IsNullOrEmpty(input.Path)))
        {
            string inside = Path.GetRelativePath(recipe.Output, path!).Split(Path.DirectorySeparatorChar)[0];
            if (inside is RunFolder.ModelName or RunFolder.CheckpointsName)
            {
                throw CamelsException.Usage(
                    $"{key} {path} lies in {Path.Combine(recipe.Output, inside)}, which the run itself writes; name another output, or copy the input elsewhere");
            }
        }

        DataFiles.RequireOutside(recipe.Output, [.. Mixtures.Expand(recipe.Data.Sources), .. Mixtures.Expand(recipe.Data.Validation.Sources)]);
    }

    // A run that was refused before its first new step is still where it was. A status that cannot be written must not hide why.
    private void WriteFailure(RunFolder folder, CamelsException problem)
    {
        try
        {
            if (_hasStepped || !folder.RestoreStatus())
            {
                folder.WriteStatus(new RunStatus("failed", _stepsDone, _steps, problem.Message));
            }
        }
        catch (CamelsException)
        {
            // The problem itself is thrown.
        }
    }

    // What a device or a disk could not do, and where the run stands: nothing that was saved is lost.
    private CamelsException Explained(Exception failure, RunFolder folder)
    {
        if (failure is NativeException { Failure: NativeFailure.Missing })
        {
            return new CamelsException(ExitCode.MissingOnMachine, failure.Message, failure);
        }

        long? saved = CheckpointFolders.Steps(folder.CheckpointsPath).Select(step => (long?)step).FirstOrDefault();
        if (failure is InsufficientMemoryException && _plan is not null)
        {
            return CamelsException.RunFailed(
                $"{(_steps == 0 ? "" : $"step {_stepsDone + 1}: ")}{failure.Message}; planned were {_plan.Memory.Describe()}\n"
                + MemoryRemedies.Describe(_plan, _plan.Memory.TotalBytes * 3 / 4), failure);
        }

        string goOn = saved is null ? "no checkpoint was written yet" : $"--resume goes on from the checkpoint after step {saved}";
        if (failure is NotFiniteNumberException)
        {
            return CamelsException.RunFailed(
                $"after step {_stepsDone}: {failure.Message}, so nothing was saved; {goOn}. Lower the learning rate, or look at the data of the last steps", failure);
        }

        return CamelsException.RunFailed(_steps == 0 ? failure.Message : $"step {_stepsDone + 1}: {failure.Message}; {goOn}", failure);
    }

    /// <summary>Prepares a recipe's data for a model, or takes it from the cache.</summary>
    public static PreparationResult Prepare(Recipe recipe, ModelConfig config, ITokenizer tokenizer, IRunWatcher watcher)
    {
        if (tokenizer.VocabularySize > config.VocabularySize)
        {
            throw CamelsException.BadInput(
                $"the tokenizer has {tokenizer.VocabularySize} tokens, the model's vocab_size is {config.VocabularySize}: they do not belong together");
        }

        PreparationSettings settings = SettingsOf(recipe, config.MaximumPositions);
        // The folder's name only keeps different preparations apart; what makes it valid is the key of contents that it holds.
        string sources = string.Join('\n', settings.Sources.Concat(settings.ValidationSources));
        string description = $"{settings with { Sources = [], ValidationSources = [] }}\n{sources}\n{tokenizer.Sha256}";
        string name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(description)))[..16];
        return DataPreparation.Prepare(
            settings, tokenizer, Path.Combine(CacheFolder, "prepared", name), new Progress(watcher), watcher.Stop);
    }

    /// <summary>The preparation that a recipe describes, for a model with a context of so many tokens.</summary>
    public static PreparationSettings SettingsOf(Recipe recipe, int contextTokens)
    {
        int length = recipe.Data.SequenceLength ?? Math.Min(DefaultSequenceLength, contextTokens);
        if (length > contextTokens)
        {
            throw CamelsException.Usage($"data.sequence_length {length} is longer than the model's context of {contextTokens}");
        }

        return new PreparationSettings
        {
            Sources = recipe.Data.Sources,
            Template = recipe.Data.Template,
            SequenceLength = length,
            Packing = recipe.Data.Packing,
            OverLength = recipe.Data.OverLength,
            Deduplicate = recipe.Data.Deduplicate,
            EvaluationFolder = recipe.Data.Contamination.Path,
            RemovesContaminated = recipe.Data.Contamination.Remove,
            ValidationFraction = recipe.Data.Validation.Fraction,
            ValidationSources = recipe.Data.Validation.Sources,
            Seed = (ulong)recipe.Training.Seed,
            Strict = recipe.Data.Strict,
            Compatibility = recipe.Data.Compatibility,
        };
    }

    private RunOutcome Train(RunFolder folder, StartingModel start, PreparationResult data)
    {
        BatchLoader loader = new(data.Train, (ulong)recipe.Training.Seed, recipe.Training.BatchSize);
        long steps = recipe.Training.Steps ?? (long)recipe.Training.Epochs * loader.StepsPerEpoch;
        _plan = TrainingPlan.Of(
            recipe, start.Config, Math.Max(data.Train.LongestRow, data.Validation?.LongestRow ?? 0),
            Math.Max(data.Train.MostTrainedInARow, data.Validation?.MostTrainedInARow ?? 0));
        _plan.RequireRoom(device.FreeBytes, device.Name);
        using ILanguageModel model = ModelCatalog.Create(start.Config, recipe.Precision, device);
        model.PredictedTokens = start.Tokenizer.VocabularySize;
        using Trainer trainer = new(
            model, device, TrainerSettings.Of(recipe, steps), new PreparedRows(data.Train, loader), data.Validation, data.Train.SourceNames.Count,
            recipe.Data.Compatibility == Compatibility.OpenInstruct2023 ? Optimizer.DecaysIn2023 : null);
        start.Fill(model, device.Stream);
        watcher.Note(
            $"{data.Train.Rows:N0} rows of up to {data.Train.LongestRow} tokens, {data.Train.TrainedTokens:N0} of {data.Train.Tokens:N0} tokens trained; "
            + $"{steps:N0} steps of {recipe.Training.BatchSize} rows; {trainer.Plan.TotalBytes / 1e6:N0} MB planned");
        if (data.Audit.DescribeMissing() is string missing)
        {
            watcher.Note($"{missing}; see audit.json");
        }

        if (start.Config.Dropout.Hidden > 0)
        {
            watcher.Note(FormattableString.Invariant($"dropout {start.Config.Dropout.Hidden}, {(recipe.Model.Dropout is null ? "as the model's config.json says; model.dropout: 0 trains without" : "as the recipe says")}"));
        }

        string recipeText = RecipeWriter.ToYaml(recipe);
        CheckpointWriter writer = new(folder.CheckpointsPath, recipe.Checkpoint.Keep);
        CheckpointOrigin origin = RunState.OriginOf(device, recipeText, data.Train.Manifest.Key, start.KeyOf(withWeights: !_plan.TrainsAll));
        Resume(folder, trainer, origin);
        writer.PassOver(trainer.StepsDone);
        _steps = steps;
        _stepsDone = trainer.StepsDone;
        Func<ModelToWrite> written = Written(model, start, data.Train.Manifest.EosId);
        (long bytes, double seconds) = writer.Rehearse(
            RunState.ToWrite(trainer, written(), origin), Math.Max(1, (steps - trainer.StepsDone) / recipe.Checkpoint.EverySteps));
        watcher.Note($"a checkpoint takes {bytes / 1e6:N1} MB; writing and reading one back took {seconds:N1} s");
        File.WriteAllText(folder.RecipePath, recipeText);
        File.Delete(folder.AuditPath);
        data.Audit.Write(folder.Path);

        using RunLog log = new(folder.LogPath, trainer.StepsDone, data.Train.SourceNames);
        double flopsPerToken = _plan.UsefulFlopsPerToken((double)data.Train.Tokens / data.Train.Documents);
        if (log.LastStep != trainer.StepsDone)
        {
            watcher.Note($"warning: {folder.LogPath} has lost its lines after step {log.LastStep}; the run goes on after step {trainer.StepsDone}");
        }

        Loop loop = new(trainer, written, folder, writer, log, origin, steps, data.Validation, flopsPerToken);
        bool isInterrupted = !RunSteps(loop);
        if (isInterrupted)
        {
            folder.WriteStatus(new RunStatus("interrupted", trainer.StepsDone, steps));
            return new RunOutcome(trainer.StepsDone, steps, IsInterrupted: true, ModelPath: null);
        }

        HuggingFaceFolder.Export(folder.ModelPath, written(), replace: true);
        folder.WriteStatus(new RunStatus("finished", trainer.StepsDone, steps));
        return new RunOutcome(trainer.StepsDone, steps, IsInterrupted: false, folder.ModelPath);
    }

    // The model as it stands with the template that it is trained on, and with the token that ends its answers.
    private Func<ModelToWrite> Written(ILanguageModel model, StartingModel start, int endId)
    {
        Dictionary<string, byte[]> ownFiles = new(start.Companions);
        foreach ((string name, byte[] content) in TemplateExport.Files(start.CompanionFolder, ChatTemplate.Find(recipe.Data.Template), start.Tokenizer))
        {
            ownFiles[name] = content;
        }

        IReadOnlyList<int> eosIds = start.Config.EosIds.Contains(endId) ? start.Config.EosIds : [.. start.Config.EosIds, endId];
        string generation = Path.Combine(start.CompanionFolder, HuggingFaceFolder.GenerationConfigName);
        if (File.Exists(generation))
        {
            ownFiles[HuggingFaceFolder.GenerationConfigName] = ModelConfigFile.GenerationJson(generation, start.Config with { EosIds = eosIds });
        }

        return () =>
        {
            ModelToWrite written = ModelWeights.ToWrite(model, companionFolder: null);
            return written with { Config = written.Config with { EosIds = eosIds }, OwnFiles = ownFiles };
        };
    }

    private void Resume(RunFolder folder, Trainer trainer, CheckpointOrigin here)
    {
        using TrainingState? checkpoint = resume ? TrainingState.OpenNewest(folder.CheckpointsPath, watcher.Note) : null;
        if (checkpoint is null)
        {
            return;
        }

        RecipeWriter.RequireResumable(RecipeReader.Parse(checkpoint.Manifest.Origin.Recipe, "the checkpoint's recipe", []), recipe);
        CheckpointOrigin there = checkpoint.Manifest.Origin;
        if (here.Data != there.Data)
        {
            throw CamelsException.Usage(
                $"{folder.CheckpointsPath}: step {checkpoint.Manifest.Step} was trained on other data (key {there.Data}, now {here.Data}): its files, the "
                + "tokenizer or the template changed. Restore them to resume, or start a new run.");
        }

        if (here.Base != there.Base)
        {
            throw CamelsException.Usage(
                $"{folder.CheckpointsPath}: step {checkpoint.Manifest.Step} was trained on another model than {recipe.Model.Path} is now: its config"
                + (_plan!.TrainsAll ? "" : " or its frozen weights") + " changed. Restore it to resume, or start a new run.");
        }

        if ((here.Device, here.KernelPath, here.InstructionSet) != (there.Device, there.KernelPath, there.InstructionSet))
        {
            watcher.Note(
                $"warning: the checkpoint comes from {there.Device} {there.KernelPath} {there.InstructionSet}, this is {here.Device} {here.KernelPath} "
                + $"{here.InstructionSet}: the run goes on, but not to the same bits");
        }

        RunState.Restore(trainer, checkpoint);
        watcher.Note($"resuming after step {trainer.StepsDone}");
    }

    // Returns false where the run was asked to stop.
    private bool RunSteps(Loop loop)
    {
        long savedAt = -1;
        void Save()
        {
            if (savedAt != loop.Trainer.StepsDone)
            {
                loop.Log.Flush();
                if (!loop.Folder.IsInPlace)
                {
                    watcher.Note($"warning: {loop.Folder.Path} was moved or removed under the run; step {loop.Trainer.StepsDone} is saved in a new folder of that name, the log is not");
                }

                _ = loop.Writer.Save(RunState.ToWrite(loop.Trainer, loop.Written(), loop.Origin));
                savedAt = loop.Trainer.StepsDone;
            }
        }

        long told;
        void Tell()
        {
            loop.Folder.WriteStatus(new RunStatus("running", loop.Trainer.StepsDone, loop.Steps));
            told = Stopwatch.GetTimestamp();
        }

        Tell();
        while (loop.Trainer.StepsDone < loop.Steps)
        {
            if (watcher.Stop.IsCancellationRequested)
            {
                Save();
                return false;
            }

            _hasStepped = true;
            StepResult result = loop.Trainer.Step();
            if (!result.IsFinite)
            {
                if (loop.Trainer.LossScale is { SkippedInARow: < LossScale.MostSkipsInARow } scale)
                {
                    watcher.Note($"step {result.Step}: gradient norm {result.GradientNorm} at loss scale {result.LossScale}; not applied, tried again at {scale.Factor}");
                    continue;
                }

                if (result.MayBePartlyApplied)
                {
                    throw CamelsException.RunFailed(
                        $"step {result.Step}: loss {result.Loss}, gradient norm {result.GradientNorm}: not finite, and a part of it was applied: --resume goes on "
                        + "from the newest checkpoint. training.clip_norm makes the gradients be looked at before they are used");
                }

                Save();
                string tries = result.Skipped > 0 ? $", {result.Skipped + 1} times in a row" : "";
                throw CamelsException.RunFailed(
                    $"step {result.Step}: loss {result.Loss}, gradient norm {result.GradientNorm}: not finite{tries}, so it was not applied; "
                    + $"the state before it is saved in {loop.Folder.CheckpointsPath}. Lower the learning rate, or look at the step's data");
            }

            _stepsDone = loop.Trainer.StepsDone;
            bool isLast = loop.Trainer.StepsDone == loop.Steps;
            double? validationLoss = loop.Validation is not null && (isLast || result.Step % recipe.Data.Validation.EverySteps == 0)
                ? loop.Trainer.Validate(loop.Validation)
                : null;
            double mfu = loop.FlopsPerToken * result.Tokens / result.Seconds / peakFlopsPerSecond;
            loop.Log.Write(in result, loop.Trainer.Losses, mfu, loop.Trainer.Plan.TotalBytes, validationLoss);
            watcher.Stepped(in result, loop.Steps, validationLoss);
            if (isLast || result.Step % recipe.Checkpoint.EverySteps == 0)
            {
                Save();
                Tell();
            }
            else if (Stopwatch.GetElapsedTime(told) > _statusInterval)
            {
                Tell();
            }
        }

        return true;
    }

    private sealed record Loop(
        Trainer Trainer, Func<ModelToWrite> Written, RunFolder Folder, CheckpointWriter Writer, RunLog Log, CheckpointOrigin Origin, long Steps,
        PreparedData? Validation, double FlopsPerToken);

    private sealed class Progress(IRunWatcher watcher) : IProgress<PreparationProgress>
    {
        public void Report(PreparationProgress value) => watcher.Preparing(value);
    }
}
