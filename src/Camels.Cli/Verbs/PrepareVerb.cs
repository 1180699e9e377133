using System.CommandLine;
using Camels.Cli.Inspection;
using Camels.Cli.Output;
using Camels.Engine;
using Camels.Engine.Data;
using Camels.Engine.Models;
using Camels.Engine.Tokenizers;
using Camels.Engine.Training;

namespace Camels.Cli.Verbs;

/// <summary>Turns datasets into packed rows of tokens with label masks, and shows the audit.</summary>
internal sealed class PrepareVerb : Verb
{
    private readonly RecipeOptions _recipe;
    private readonly Option<string?> _tokenizer;

    public PrepareVerb()
        : base(
            "prepare",
            "Turn datasets into packed rows of tokens with label masks, and show the audit",
            "camels prepare --data alpaca=data/alpaca_data.json:1000 --tokenizer models/llama-7b --output prepared/alpaca")
    {
        _recipe = new RecipeOptions(Command);
        _tokenizer = Option<string?>("--tokenizer", "folder with the tokenizer's files, instead of --model; --output is then the folder of the prepared data, also beside --recipe");
    }

    protected override ExitCode Run(ParseResult arguments, Screen screen)
    {
        using StopSignal stop = new();
        using RunScreen watcher = new(screen, stop.Token);
        using PreparationResult prepared = arguments.GetValue(_tokenizer) is string tokenizer
            ? PrepareFolder(arguments, tokenizer, watcher, stop.Token)
            : PrepareRun(arguments, watcher);
        watcher.Note(prepared.FromCache ? $"already prepared in {prepared.Folder}: data, tokenizer and settings are the same" : $"prepared in {prepared.Folder}");
        AuditTable.Show(screen, prepared.Audit);
        screen.Json(prepared.Audit);
        return ExitCode.Done;
    }

    // Without a model: the tokenizer alone decides the tokens, and the folder is the user's.
    private PreparationResult PrepareFolder(ParseResult arguments, string tokenizer, RunScreen watcher, CancellationToken stop)
    {
        if (IsGiven(arguments, RecipeOptions.RecipeFlag) && !IsGiven(arguments, RecipeOptions.OutputFlag))
        {
            throw CamelsException.Usage($"--tokenizer beside {RecipeOptions.RecipeFlag} needs {RecipeOptions.OutputFlag}, the folder of the prepared data: the recipe's is for the run");
        }

        Recipe recipe = _recipe.Read(arguments, RecipeOverride.FromFlag("--tokenizer", "model.path", tokenizer));
        if (recipe.Model.Path != tokenizer)
        {
            throw CamelsException.Usage($"--tokenizer {tokenizer} and {RecipeOptions.ModelFlag} {recipe.Model.Path} exclude each other: a model has a tokenizer of its own; give one of them");
        }

        string config = Path.Combine(tokenizer, ModelConfigFile.Name);
        int context = File.Exists(config) ? ModelConfigFile.Read(config).MaximumPositions : int.MaxValue;
        return DataPreparation.Prepare(
            FinetuneRun.SettingsOf(recipe, context), TokenizerFiles.Load(tokenizer), recipe.Output, new Reporter(watcher), stop);
    }

    // What finetune of the same recipe would do first; it finds the result where this leaves it.
    private PreparationResult PrepareRun(ParseResult arguments, RunScreen watcher)
    {
        Recipe recipe = _recipe.Read(arguments);
        using StartingModel start = StartingModel.Open(recipe);
        return FinetuneRun.Prepare(recipe, start.Config, start.Tokenizer, watcher);
    }

    private sealed class Reporter(RunScreen watcher) : IProgress<PreparationProgress>
    {
        public void Report(PreparationProgress value) => watcher.Preparing(value);
    }
}
