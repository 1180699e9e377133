using System.CommandLine;
using System.Globalization;
using Camels.Engine.Data;
using Camels.Engine.Training;

namespace Camels.Cli;

/// <summary><c>--recipe</c>, <c>--set</c> and the common keys as flags, for the verbs that take a recipe.</summary>
internal sealed class RecipeOptions
{
    /// <summary>The flag of the recipe's file.</summary>
    public const string RecipeFlag = "--recipe";

    /// <summary>The flag of the model folder.</summary>
    public const string ModelFlag = "--model";

    /// <summary>The flag of the run folder.</summary>
    public const string OutputFlag = "--output";

    private readonly Option<string?> _recipe = new(RecipeFlag) { Description = "YAML file that describes the run" };
    private readonly Option<string[]> _set = new("--set") { Description = "replace or add a value of the recipe, as in training.seed=7" };
    private readonly Option<string[]> _data = new("--data")
    {
        Description = "data.sources: DATASET=PATH or DATASET=PATH:EXAMPLES, as in alpaca=alpaca_data.json:1000; DATASET is "
            + $"{string.Join(", ", DatasetCatalog.Formats.SelectMany(format => format.Aliases.Prepend(format.Name)))}, or with map in a recipe any other",
        AllowMultipleArgumentsPerToken = true,
    };

    private readonly List<(Option<string?> Option, string KeyPath)> _flags = [];

    public RecipeOptions(Command command)
    {
        command.Add(_recipe);
        command.Add(_set);
        command.Add(_data);
        Flag(command, ModelFlag, "model.path", "model folder to start from");
        Flag(command, "--evaluation-data", "data.contamination.path", "folder of evaluation sets that the training data is compared with");
        Flag(command, OutputFlag, "output", "run folder");
        Flag(command, "--steps", "training.steps", "optimizer steps, instead of epochs");
        Flag(command, "--batch-size", "training.batch_size", "rows of an optimizer step");
        Flag(command, "--sequence-length", "data.sequence_length", "tokens of a row");
        Flag(command, "--learning-rate", "training.learning_rate", "the schedule's peak");
        Flag(command, "--precision", "precision", "fp32, bf16 or fp16");
        Flag(command, "--seed", "training.seed", "seed of everything random");
    }

    /// <summary>The recipe that file, flags and assignments describe together; flags win over the file, and assignments over flags.</summary>
    public Recipe Read(ParseResult arguments, params IEnumerable<RecipeOverride> defaults)
    {
        List<RecipeOverride> overrides = [.. defaults];
        if (arguments.GetValue(_data) is { Length: > 0 } sources)
        {
            overrides.Add(RecipeOverride.FromSources(sources));
        }

        foreach ((Option<string?> option, string keyPath) in _flags)
        {
            if (arguments.GetValue(option) is string value)
            {
                overrides.Add(RecipeOverride.FromFlag(option.Name, keyPath, value));
            }
        }

        overrides.AddRange((arguments.GetValue(_set) ?? []).Select(RecipeOverride.FromSet));
        return arguments.GetValue(_recipe) is string path
            ? RecipeReader.Read(path, overrides)
            : RecipeReader.Parse("", "command line", overrides);
    }

    private void Flag(Command command, string name, string keyPath, string description)
    {
        Option<string?> option = new(name) { Description = string.Create(CultureInfo.InvariantCulture, $"{keyPath}: {description}") };
        command.Add(option);
        _flags.Add((option, keyPath));
    }
}
