using System.Numerics;
using System.Text;
using Camels.Engine.Data;
using Camels.Engine.Parameters;

namespace Camels.Engine.Training;

/// <summary>
/// YAML to a <see cref="Recipe"/>. Whatever is wrong (unknown key, wrong type, impossible combination) throws a
/// <see cref="CamelsException"/> with exit code 2 that names the key, the value, the place and what would be accepted.
/// </summary>
public static class RecipeReader
{
    /// <summary>AdamW computes in single precision, where less would vanish: a weight without gradient would step by 0 / 0.</summary>
    private const double SmallestAdamEpsilon = 1e-37;

    /// <summary>Reads a recipe file and applies the command line's values on top.</summary>
    public static Recipe Read(string path, IReadOnlyList<RecipeOverride> overrides)
    {
        try
        {
            return Parse(File.ReadAllText(path, new UTF8Encoding(false, throwOnInvalidBytes: true)), path, overrides);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or DecoderFallbackException)
        {
            throw new CamelsException(ExitCode.Usage, $"cannot read the recipe {path}: {error.Message}", error);
        }
    }

    /// <summary>Reads a recipe's text; <paramref name="name"/> is what messages call it. Empty text leaves everything to the overrides.</summary>
    public static Recipe Parse(string text, string name, IReadOnlyList<RecipeOverride> overrides)
    {
        RecipeMapping root = RecipeYaml.ParseFile(text, name);
        foreach (RecipeOverride change in overrides)
        {
            change.Apply(root);
        }

        return ReadRecipe(new RecipeSection(root, path: ""));
    }

    private static Recipe ReadRecipe(RecipeSection root)
    {
        ModelRecipe model = ReadModel(root, root.Section("model"));
        Recipe recipe = new()
        {
            Model = model,
            Data = ReadData(root.Section("data")),
            Training = ReadTraining(root.Section("training")),
            Precision = root.Choice("precision", Precision.Bf16, RecipeNames.Precisions),
            Recompute = root.Choice("recompute", fallback: false, RecipeNames.Recomputes),
            Adapter = root.Has("adapter") ? ReadAdapter(root.Section("adapter"), model.Adapter) : null,
            Train = root.Texts("train"),
            Sharding = ReadSharding(root.Section("sharding")),
            Checkpoint = ReadCheckpoint(root.Section("checkpoint")),
            Output = root.RequiredText("output", "runs/alpaca-7b"),
        };
        root.Finish();
        return recipe.Train is not null && (recipe.Adapter is not null || model.Adapter is not null)
            ? throw CamelsException.Usage($"{root.Place("train")}: train and an adapter: what is saved is the adapter alone, and nothing else can be trained beside it; give one of them")
            : recipe;
    }

    private static AdapterSettings ReadAdapter(RecipeSection section, string? continued)
    {
        AdapterSettings defaults = new() { Targets = [] };
        if (continued is not null && Array.Find(["rank", "alpha", "dropout", "targets"], section.Has) is string own)
        {
            throw CamelsException.Usage($"{section.Place(own)}: adapter.{own} is that of model.adapter, {continued}; beside it, adapter takes kind alone");
        }

        bool isQuantized = section.Choice("kind", fallback: false, RecipeNames.Adapters);
        AdapterSettings adapter = new()
        {
            QuantizedBase = isQuantized,
            Rank = (int)(section.Integer("rank", least: 1, most: 1 << 14) ?? defaults.Rank),
            Alpha = section.Number("alpha", defaults.Alpha, least: 0),
            Dropout = section.Number("dropout", defaults.Dropout, least: 0, below: 1),
            Targets = section.Texts("targets") ?? (isQuantized ? ["all"] : ["q", "v"]),
        };
        section.Finish();
        return adapter.Alpha > 0 ? adapter : throw CamelsException.Usage($"{section.Place("alpha")}: adapter.alpha must be above 0");
    }

    private static ModelRecipe ReadModel(RecipeSection root, RecipeSection section)
    {
        ModelRecipe model = new()
        {
            Path = section.Text("path"),
            Family = section.Text("family"),
            Size = section.Text("size"),
            Tokenizer = section.Text("tokenizer"),
            Adapter = section.Text("adapter"),
            Dropout = section.Has("dropout") ? section.Number("dropout", fallback: 0, least: 0, below: 1) : null,
        };
        string? initialize = section.Text("initialize");
        section.Finish();
        bool isNew = model.Family is not null || model.Size is not null || initialize is not null;
        if (model.Path is null && !isNew)
        {
            throw root.Missing("model", "{path: models/llama-7b}");
        }

        if (model.Path is not null && isNew)
        {
            throw CamelsException.Usage($"{section.Place("path")}: model has a path and family, size or initialize; "
                + "give a path (its weights), or family, size and initialize: random");
        }

        if (isNew && model.Adapter is not null)
        {
            throw CamelsException.Usage($"{section.Place("adapter")}: model.adapter needs the model that it was trained over: give its path");
        }

        if (isNew && (model.Family is null || model.Size is null || initialize != "random" || model.Tokenizer is null))
        {
            throw CamelsException.Usage($"{section.Place()}: a model without a path needs family, size, initialize: random and tokenizer, "
                + "for example {family: llama, size: 15m, initialize: random, tokenizer: models/llama-7b}");
        }

        return model;
    }

    private static DataRecipe ReadData(RecipeSection section)
    {
        DataRecipe defaults = new() { Sources = [] };
        DataRecipe data = new()
        {
            Sources = ReadSources(section, "sources"),
            Template = section.Text("template") ?? defaults.Template,
            SequenceLength = (int?)section.Integer("sequence_length", least: 2),
            Packing = section.Boolean("packing", defaults.Packing),
            OverLength = section.Choice("over_length", defaults.OverLength, RecipeNames.OverLengths),
            Deduplicate = section.Choice("deduplicate", defaults.Deduplicate, RecipeNames.Deduplicates),
            Contamination = ReadContamination(section.Section("contamination")),
            Validation = ReadValidation(section.Section("validation")),
            Compatibility = section.Choice("compatibility", defaults.Compatibility, RecipeNames.Compatibilities),
            Strict = section.Boolean("strict", defaults.Strict),
        };
        section.Finish();
        return data.Sources.Count > 0
            ? data
            : throw section.Missing("sources", "[{dataset: messages, path: data/mine.jsonl}]");
    }

    private static DataSource[] ReadSources(RecipeSection section, string key) =>
        [.. (section.Sections(key) ?? []).Select(ReadSource)];

    private static DataSource ReadSource(RecipeSection section)
    {
        DataSource source = new(
            section.RequiredText("dataset", "messages"),
            section.RequiredText("path", "data/mine.jsonl"),
            (int?)section.Integer("examples", least: 1))
        {
            Fraction = section.Has("fraction") ? section.Number("fraction", fallback: 1, least: 0) : null,
            Weight = section.Has("weight") ? section.Number("weight", fallback: 1, least: 0) : null,
            Trees = ReadTrees(section.Section("trees")),
            Map = section.Has("map") ? ReadMap(section.Section("map")) : null,
        };
        section.Finish();
        return source.Map is not null && DatasetCatalog.IsKnown(source.Dataset)
            ? throw CamelsException.Usage($"{section.Place("map")}: {source.Dataset} is a dataset that needs no map; leave map out, or give it another name")
            : source;
    }

    private static TreeRule ReadTrees(RecipeSection section)
    {
        TreeRule trees = new()
        {
            Paths = section.Has("paths") ? section.Choice("paths", TreePaths.Leaves, RecipeNames.TreePaths) : null,
            WithoutCreator = section.Boolean("without_creator", fallback: false),
            WithoutDeleted = section.Boolean("without_deleted", fallback: false),
            BestReplies = (int?)section.Integer("best_replies", least: 1),
        };
        section.Finish();
        return trees;
    }

    private static DatasetMap ReadMap(RecipeSection section)
    {
        DatasetMap map = new()
        {
            Each = section.Text("each"),
            Instruction = section.Text("instruction"),
            Input = section.Text("input"),
            Prompt = section.Text("prompt"),
            Output = section.Text("output"),
            Messages = section.Text("messages"),
            Tree = section.Text("tree"),
            Replies = section.Text("replies"),
            Speaker = section.Text("role"),
            Content = section.Text("content"),
            System = section.Text("system"),
            Roles = section.Has("roles") ? section.Section("roles").Choices(RecipeNames.Roles) : DatasetMap.CommonRoles,
            EndMarker = section.Text("end_marker"),
        };
        section.Finish();
        map.Check(section.Place());
        return map;
    }

    private static ContaminationRecipe ReadContamination(RecipeSection section)
    {
        ContaminationRecipe contamination = new() { Path = section.Text("path"), Remove = section.Boolean("remove", fallback: false) };
        section.Finish();
        return contamination;
    }

    private static ValidationRecipe ReadValidation(RecipeSection section)
    {
        ValidationRecipe defaults = new();
        ValidationRecipe validation = new()
        {
            Fraction = section.Number("fraction", defaults.Fraction, least: 0, below: 1),
            Sources = ReadSources(section, "sources"),
            EverySteps = section.IntegerOr(defaults.EverySteps, "every_steps", least: 1),
        };
        section.Finish();
        return validation.Fraction > 0 && validation.Sources.Count > 0
            ? throw CamelsException.Usage($"{section.Place("fraction")}: data.validation has a fraction and sources; give one of them")
            : validation;
    }

    private static TrainingRecipe ReadTraining(RecipeSection section)
    {
        TrainingRecipe defaults = new();
        ScheduleKind schedule = section.Choice("schedule", defaults.Schedule, RecipeNames.Schedules);
        TrainingRecipe training = new()
        {
            Epochs = section.IntegerOr(defaults.Epochs, "epochs", least: 1),
            Steps = (int?)section.Integer("steps", least: 1),
            BatchSize = section.IntegerOr(defaults.BatchSize, "batch_size", least: 1),
            LearningRate = section.Number("learning_rate", defaults.LearningRate, least: 0),
            Schedule = schedule,
            WarmupRatio = section.Number("warmup_ratio", schedule == ScheduleKind.Constant ? 0 : defaults.WarmupRatio, least: 0, below: 1),
            WarmupSteps = (int?)section.Integer("warmup_steps", least: 0),
            MinLearningRateRatio = section.Number("min_learning_rate_ratio", defaults.MinLearningRateRatio, least: 0, below: 1),
            WeightDecay = section.Number("weight_decay", defaults.WeightDecay, least: 0),
            WeightDecayOn = section.Choice("weight_decay_on", defaults.WeightDecayOn, RecipeNames.WeightDecays),
            ClipNorm = section.Number("clip_norm", defaults.ClipNorm, least: 0),
            ClipValue = section.Number("clip_value", defaults.ClipValue, least: 0),
            Optimizer = section.Choice("optimizer", defaults.Optimizer, RecipeNames.Optimizers),
            Fused = section.Boolean("fused", defaults.Fused),
            LossScale = ReadLossScale(section.Section("loss_scale")),
            Adam = ReadAdam(section.Section("adam")),
            Seed = section.Integer("seed", least: 0, most: long.MaxValue) ?? defaults.Seed,
            LossReduction = section.Choice("loss_reduction", defaults.LossReduction, RecipeNames.LossReductions),
        };
        section.Finish();
        RefuseBoth(section, "epochs", "steps");
        RefuseBoth(section, "warmup_ratio", "warmup_steps");
        if (training.ClipValue > 0 && training.Optimizer != OptimizerKind.Sgd)
        {
            throw CamelsException.Usage(
                $"{section.Place("clip_value")}: training.clip_value is {training.ClipValue}, which only optimizer: sgd takes; adamw takes clip_norm");
        }

        if (training.MinLearningRateRatio > 0 && schedule == ScheduleKind.Constant)
        {
            throw CamelsException.Usage(
                $"{section.Place("min_learning_rate_ratio")}: training.min_learning_rate_ratio is {training.MinLearningRateRatio}, but schedule: constant never falls");
        }

        return training.WarmupSteps > training.Steps
            ? throw CamelsException.Usage(
                $"{section.Place("warmup_steps")}: training.warmup_steps is {training.WarmupSteps}, more than the {training.Steps} steps of the run")
            : training;
    }

    private static LossScaleRecipe ReadLossScale(RecipeSection section)
    {
        LossScaleRecipe defaults = new();
        LossScaleRecipe scale = new()
        {
            InitialExponent = (int)(section.Integer("initial_exponent", least: 0, LossScaleRecipe.MostInitialExponent) ?? defaults.InitialExponent),
            GrowthSteps = section.IntegerOr(defaults.GrowthSteps, "growth_steps", least: 1),
        };
        section.Finish();
        return scale;
    }

    private static AdamRecipe ReadAdam(RecipeSection section)
    {
        AdamRecipe defaults = new();
        AdamRecipe adam = new()
        {
            Beta1 = section.Number("beta1", defaults.Beta1, least: 0, below: 1),
            Beta2 = section.Number("beta2", defaults.Beta2, least: 0, below: 1),
            Epsilon = section.Number("epsilon", defaults.Epsilon, least: SmallestAdamEpsilon),
            Moments = section.Choice("moments", defaults.Moments, RecipeNames.Moments),
        };
        section.Finish();
        return adam;
    }

    private static ShardingRecipe ReadSharding(RecipeSection section)
    {
        ShardingRecipe defaults = new();
        _ = section.Choice("stage", 0, new Dictionary<string, int> { ["0"] = 0 }, "1", "2", "3");
        ShardingRecipe sharding = new()
        {
            Lanes = PowerOfTwo(section, "lanes", defaults.Lanes, least: 1, most: 1024),
            LanesPerCall = PowerOfTwo(section, "lanes_per_call", defaults.LanesPerCall, least: 0, most: 1024),
        };
        section.Finish();
        return sharding.LanesPerCall <= sharding.Lanes
            ? sharding
            : throw CamelsException.Usage($"{section.Place("lanes_per_call")}: sharding.lanes_per_call is {sharding.LanesPerCall}, "
                + $"more than the {sharding.Lanes} lanes; at most {sharding.Lanes}, or 0 for all");
    }

    private static int PowerOfTwo(RecipeSection section, string key, int fallback, int least, int most)
    {
        int value = (int)(section.Integer(key, least, most) ?? fallback);
        return value == 0 || BitOperations.IsPow2(value)
            ? value
            : throw CamelsException.Usage($"{section.Place(key)}: {section.PathOf(key)} is {value}, expected a power of two");
    }

    private static CheckpointRecipe ReadCheckpoint(RecipeSection section)
    {
        CheckpointRecipe defaults = new();
        CheckpointRecipe checkpoint = new()
        {
            EverySteps = section.IntegerOr(defaults.EverySteps, "every_steps", least: 1),
            Keep = section.IntegerOr(defaults.Keep, "keep", least: 1),
        };
        section.Finish();
        return checkpoint;
    }

    private static void RefuseBoth(RecipeSection section, string first, string second)
    {
        if (section.Has(first) && section.Has(second))
        {
            throw CamelsException.Usage(
                $"{section.Place(second)}: {section.PathOf(first)} and {section.PathOf(second)} are both given; give one of them");
        }
    }
}
