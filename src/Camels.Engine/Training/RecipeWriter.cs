using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;
using Camels.Engine.Data;
using Camels.Engine.Parameters;

namespace Camels.Engine.Training;

/// <summary>A <see cref="Recipe"/> back to YAML with every default written out, and the differences between two.</summary>
public static partial class RecipeWriter
{
    private static readonly JsonSerializerOptions ReadableText = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>YAML that <see cref="RecipeReader"/> reads back as an equal recipe.</summary>
    public static string ToYaml(Recipe recipe)
    {
        StringBuilder yaml = new();
        string section = "";
        foreach ((string key, string value) in Entries(recipe))
        {
            int dot = key.IndexOf('.');
            string sectionOfKey = dot < 0 ? "" : key[..dot];
            if (sectionOfKey.Length > 0 && sectionOfKey != section)
            {
                yaml.Append(CultureInfo.InvariantCulture, $"{sectionOfKey}:\n");
            }

            section = sectionOfKey;
            string indent = dot < 0 ? "" : "  ";
            yaml.Append(CultureInfo.InvariantCulture, $"{indent}{key[(dot + 1)..]}: {value}\n");
        }

        return yaml.ToString();
    }

    /// <summary>
    /// Throws (exit code 2) where continuing the run of <paramref name="started"/> with <paramref name="wanted"/> would change anything but
    /// <c>checkpoint</c> and a larger number of steps or epochs; the message names the keys. Where the run folder lies now, and how paths are
    /// spelled, is no change.
    /// </summary>
    public static void RequireResumable(Recipe started, Recipe wanted)
    {
        Dictionary<string, string> before = Entries(Located(started, wanted.Output)).ToDictionary(entry => entry.Key, entry => entry.Value);
        Dictionary<string, string> after = Entries(Located(wanted, wanted.Output)).ToDictionary(entry => entry.Key, entry => entry.Value);
        string[] changed = [.. before.Keys.Union(after.Keys)
            .Where(key => before.GetValueOrDefault(key) != after.GetValueOrDefault(key))
            .Where(key => !key.StartsWith("checkpoint.", StringComparison.Ordinal) && !IsLarger(key, before, after))
            .Select(key => $"{key} ({before.GetValueOrDefault(key, "absent")} → {after.GetValueOrDefault(key, "absent")})")];
        if (changed.Length > 0)
        {
            throw CamelsException.Usage($"--resume with a changed recipe: {string.Join(", ", changed)}\n"
                + "only checkpoint and a larger training.steps or training.epochs may change; for anything else choose another output");
        }
    }

    private static Recipe Located(Recipe recipe, string output)
    {
        static string? Full(string? path) => string.IsNullOrEmpty(path) ? path : Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        static DataSource[] AllFull(IEnumerable<DataSource> sources) => [.. sources.Select(source => source with { Path = Full(source.Path)! })];
        return recipe with
        {
            Output = output,
            Model = recipe.Model with { Path = Full(recipe.Model.Path), Tokenizer = Full(recipe.Model.Tokenizer), Adapter = Full(recipe.Model.Adapter) },
            Data = recipe.Data with
            {
                Sources = AllFull(recipe.Data.Sources),
                Validation = recipe.Data.Validation with { Sources = AllFull(recipe.Data.Validation.Sources) },
                Contamination = recipe.Data.Contamination with { Path = Full(recipe.Data.Contamination.Path) },
            },
        };
    }

    private static bool IsLarger(string key, Dictionary<string, string> before, Dictionary<string, string> after) =>
        key is "training.steps" or "training.epochs"
        && before.TryGetValue(key, out string? old) && after.TryGetValue(key, out string? now)
        && int.Parse(now, CultureInfo.InvariantCulture) > int.Parse(old, CultureInfo.InvariantCulture);

    // Key path and YAML value, at most two levels deep; deeper values are written in flow style.
    private static IEnumerable<(string Key, string Value)> Entries(Recipe recipe)
    {
        return Model(recipe.Model)
            .Concat(Data(recipe.Data))
            .Concat(Training(recipe.Training))
            .Append(("precision", RecipeNames.Of(RecipeNames.Precisions, recipe.Precision)))
            .Append(("recompute", RecipeNames.Of(RecipeNames.Recomputes, recipe.Recompute)))
            .Concat(Adaptation(recipe))
            .Append(("sharding.stage", "0"))
            .Append(("sharding.lanes", Whole(recipe.Sharding.Lanes)))
            .Append(("sharding.lanes_per_call", Whole(recipe.Sharding.LanesPerCall)))
            .Append(("checkpoint.every_steps", Whole(recipe.Checkpoint.EverySteps)))
            .Append(("checkpoint.keep", Whole(recipe.Checkpoint.Keep)))
            .Append(("output", Text(recipe.Output)));
    }

    private static IEnumerable<(string Key, string Value)> Adaptation(Recipe recipe)
    {
        if (recipe.Adapter is AdapterSettings adapter)
        {
            yield return ("adapter.kind", RecipeNames.Of(RecipeNames.Adapters, adapter.QuantizedBase));
            if (recipe.Model.Adapter is null)
            {
                yield return ("adapter.rank", Whole(adapter.Rank));
                yield return ("adapter.alpha", Number(adapter.Alpha));
                yield return ("adapter.dropout", Number(adapter.Dropout));
                yield return ("adapter.targets", Texts(adapter.Targets));
            }
        }

        if (recipe.Train is IReadOnlyList<string> train)
        {
            yield return ("train", Texts(train));
        }
    }

    private static string Texts(IReadOnlyList<string> texts) => $"[{string.Join(", ", texts.Select(Text))}]";

    private static IEnumerable<(string Key, string Value)> Model(ModelRecipe model)
    {
        if (model.Path is not null)
        {
            yield return ("model.path", Text(model.Path));
        }
        else
        {
            yield return ("model.family", Text(model.Family!));
            yield return ("model.size", Text(model.Size!));
            yield return ("model.initialize", "random");
        }

        if (model.Tokenizer is not null)
        {
            yield return ("model.tokenizer", Text(model.Tokenizer));
        }

        if (model.Adapter is not null)
        {
            yield return ("model.adapter", Text(model.Adapter));
        }

        if (model.Dropout is double dropout)
        {
            yield return ("model.dropout", Number(dropout));
        }
    }

    private static IEnumerable<(string Key, string Value)> Data(DataRecipe data)
    {
        yield return ("data.sources", Sources(data.Sources));
        yield return ("data.template", Text(data.Template));
        if (data.SequenceLength is int length)
        {
            yield return ("data.sequence_length", Whole(length));
        }

        yield return ("data.packing", Truth(data.Packing));
        yield return ("data.over_length", RecipeNames.Of(RecipeNames.OverLengths, data.OverLength));
        yield return ("data.deduplicate", RecipeNames.Of(RecipeNames.Deduplicates, data.Deduplicate));
        if (data.Contamination.Path is string evaluation)
        {
            yield return ("data.contamination", $"{{path: {Text(evaluation)}, remove: {Truth(data.Contamination.Remove)}}}");
        }

        string held = data.Validation.Sources.Count > 0
            ? $"sources: {Sources(data.Validation.Sources)}"
            : $"fraction: {Number(data.Validation.Fraction)}";
        yield return ("data.validation", $"{{{held}, every_steps: {Whole(data.Validation.EverySteps)}}}");
        yield return ("data.compatibility", RecipeNames.Of(RecipeNames.Compatibilities, data.Compatibility));
        yield return ("data.strict", Truth(data.Strict));
    }

    private static IEnumerable<(string Key, string Value)> Training(TrainingRecipe training)
    {
        yield return training.Steps is int steps ? ("training.steps", Whole(steps)) : ("training.epochs", Whole(training.Epochs));
        yield return ("training.batch_size", Whole(training.BatchSize));
        yield return ("training.learning_rate", Number(training.LearningRate));
        yield return ("training.schedule", RecipeNames.Of(RecipeNames.Schedules, training.Schedule));
        yield return training.WarmupSteps is int warmup
            ? ("training.warmup_steps", Whole(warmup))
            : ("training.warmup_ratio", Number(training.WarmupRatio));
        yield return ("training.min_learning_rate_ratio", Number(training.MinLearningRateRatio));
        yield return ("training.weight_decay", Number(training.WeightDecay));
        yield return ("training.weight_decay_on", RecipeNames.Of(RecipeNames.WeightDecays, training.WeightDecayOn));
        yield return ("training.clip_norm", Number(training.ClipNorm));
        yield return ("training.clip_value", Number(training.ClipValue));
        yield return ("training.optimizer", RecipeNames.Of(RecipeNames.Optimizers, training.Optimizer));
        yield return ("training.fused", Truth(training.Fused));
        LossScaleRecipe scale = training.LossScale;
        yield return ("training.loss_scale", $"{{initial_exponent: {Whole(scale.InitialExponent)}, growth_steps: {Whole(scale.GrowthSteps)}}}");
        AdamRecipe adam = training.Adam;
        string moments = RecipeNames.Of(RecipeNames.Moments, adam.Moments);
        yield return ("training.adam", $"{{beta1: {Number(adam.Beta1)}, beta2: {Number(adam.Beta2)}, epsilon: {Number(adam.Epsilon)}, moments: {moments}}}");
        yield return ("training.seed", training.Seed.ToString(CultureInfo.InvariantCulture));
        yield return ("training.loss_reduction", RecipeNames.Of(RecipeNames.LossReductions, training.LossReduction));
    }

    private static string Sources(IReadOnlyList<DataSource> sources) => $"[{string.Join(", ", sources.Select(Source))}]";

    private static string Source(DataSource source)
    {
        List<(string Key, string? Value)> entries =
        [
            ("dataset", Text(source.Dataset)),
            ("path", Text(source.Path)),
            ("examples", source.Examples is int count ? Whole(count) : null),
            ("fraction", source.Fraction is double fraction ? Number(fraction) : null),
            ("weight", source.Weight is double weight ? Number(weight) : null),
            ("trees", source.Trees == new TreeRule() ? null : Trees(source.Trees)),
            ("map", source.Map is null ? null : Map(source.Map)),
        ];
        return Flow(entries);
    }

    private static string Trees(TreeRule trees) => Flow(
    [
        ("paths", trees.Paths is TreePaths paths ? RecipeNames.Of(RecipeNames.TreePaths, paths) : null),
        ("without_creator", Truth(trees.WithoutCreator)),
        ("without_deleted", Truth(trees.WithoutDeleted)),
        ("best_replies", trees.BestReplies is int best ? Whole(best) : null),
    ]);

    private static string Map(DatasetMap map)
    {
        (string, string?)[] texts =
        [
            ("each", map.Each), ("instruction", map.Instruction), ("input", map.Input), ("prompt", map.Prompt), ("output", map.Output),
            ("messages", map.Messages), ("tree", map.Tree), ("replies", map.Replies), ("role", map.Speaker), ("content", map.Content),
            ("system", map.System), ("end_marker", map.EndMarker),
        ];
        string roles = Flow(map.Roles.Select(role => (Text(role.Key), (string?)RecipeNames.Of(RecipeNames.Roles, role.Value))));
        return Flow([.. texts.Select(entry => (entry.Item1, entry.Item2 is null ? null : Text(entry.Item2))), ("roles", roles)]);
    }

    // A section on one line, without the keys that have no value.
    private static string Flow(IEnumerable<(string Key, string? Value)> entries) =>
        $"{{{string.Join(", ", entries.Where(entry => entry.Value is not null).Select(entry => $"{entry.Key}: {entry.Value}"))}}}";

    private static string Whole(int value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    private static string Truth(bool value) => value ? "true" : "false";

    // What is not a plain word is written as a JSON string, which YAML reads as it is.
    private static string Text(string value) =>
        PlainWord().IsMatch(value) && value is not ("null" or "true" or "false") ? value : JsonSerializer.Serialize(value, ReadableText);

    [GeneratedRegex(@"\A[A-Za-z0-9_./-]*[A-Za-z/][A-Za-z0-9_./-]*\z")]
    private static partial Regex PlainWord();
}
