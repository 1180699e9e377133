using System.Globalization;
using Camels.Engine.Models;
using Camels.Engine.Parameters;

namespace Camels.Engine.Training;

/// <summary>Changes of a recipe with which its run takes less memory.</summary>
/// <param name="Changes">As they stand in a recipe: "recompute: block".</param>
/// <param name="Plan">The changed run.</param>
public sealed record MemoryRemedy(IReadOnlyList<string> Changes, TrainingPlan Plan)
{
    /// <inheritdoc/>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{string.Join(" with ", Changes)} ({Plan.Memory.TotalBytes / 1e9:F2} GB, {Plan.Work:F2} × the work)");
}

/// <summary>Finds the cheapest ways to make a run fit, each tried with the planner.</summary>
public static class MemoryRemedies
{
    private const int MostNamed = 4;

    /// <summary>The ways, or what comes nearest, as a line for a person.</summary>
    public static string Describe(TrainingPlan plan, long bytes)
    {
        IReadOnlyList<MemoryRemedy> ways = Find(plan, bytes, out MemoryRemedy? least);
        return ways.Count > 0 ? $"it fits, cheapest first, with {string.Join(", or ", ways)}"
            : least is null ? "no key of the recipe makes it smaller"
            : $"nothing that was tried makes it fit; the least is {least}";
    }

    /// <summary>
    /// The cheapest ways to make a run fit into so many bytes, cheapest first. What changes the work least comes first, adapters last, since they
    /// train something else; a way that does more than another one needs is left out.
    /// </summary>
    /// <param name="plan">The run.</param>
    /// <param name="bytes">What is there.</param>
    /// <param name="least">Where nothing fits, what takes least; null where there is nothing to try.</param>
    public static IReadOnlyList<MemoryRemedy> Find(TrainingPlan plan, long bytes, out MemoryRemedy? least)
    {
        List<(Way Way, MemoryRemedy Remedy)> found = [];
        least = null;
        foreach (Way way in Ways(plan))
        {
            if (found.Exists(other => other.Way.Keys.IsSubsetOf(way.Keys)))
            {
                continue;
            }

            TrainingPlan tried = TrainingPlan.Of(way.Recipe, way.Config, plan.LongestRow, plan.MostTrainedInARow);
            MemoryRemedy remedy = new([.. way.Changes.Select(change => change.Text)], tried);
            least = least is null || tried.Memory.TotalBytes < least.Plan.Memory.TotalBytes ? remedy : least;
            if (tried.Memory.TotalBytes <= bytes)
            {
                found.Add((way, remedy));
            }

            if (found.Count == MostNamed)
            {
                break;
            }
        }

        return [.. found.Select(pair => pair.Remedy)];
    }

    // Every combination of changes that may be run together, cheapest first.
    private static IEnumerable<Way> Ways(TrainingPlan plan)
    {
        IEnumerable<Way> ways = [new Way(plan.Recipe, plan.Config, [])];
        foreach (Change[] choices in (Change[][])[Lanes(plan.Recipe), Recompute(plan.Recipe), Moments(plan.Recipe), Fused(plan.Recipe), Adapters(plan)])
        {
            ways = ways.SelectMany(way => choices.Select(way.And).Prepend(way));
        }

        return ways.Where(way => way.Changes.Count > 0 && way.IsPossible)
            .OrderBy(way => way.AdapterRank).ThenBy(way => way.Work(plan)).ThenBy(way => way.Keys.Count)
            .ThenBy(way => way.Changes.Sum(change => change.Weight));
    }

    private static Change[] Lanes(Recipe recipe)
    {
        List<Change> changes = [];
        int rows = TrainerSettings.Of(recipe, steps: 0).RowsAtOnce;
        for (int lanes = recipe.Sharding.Lanes / 2; lanes > 0; lanes /= 2)
        {
            if (lanes < rows)
            {
                ShardingRecipe smaller = recipe.Sharding with { LanesPerCall = lanes };
                changes.Add(new Change("lanes", FormattableString.Invariant($"sharding.lanes_per_call: {lanes}"), changes.Count + 1, r => r with { Sharding = smaller }));
            }
        }

        return [.. changes];
    }

    private static Change[] Recompute(Recipe recipe) =>
        recipe.Recompute ? [] : [new Change("recompute", "recompute: block", Weight: 1, r => r with { Recompute = true })];

    private static Change[] Moments(Recipe recipe)
    {
        Change To(MomentStorage storage, int weight) => new(
            "moments", $"training.adam.moments: {RecipeNames.Of(RecipeNames.Moments, storage)}", weight,
            r => r with { Training = r.Training with { Adam = r.Training.Adam with { Moments = storage } } });
        return recipe.Training.Optimizer == OptimizerKind.Sgd ? [] : recipe.Training.Adam.Moments switch
        {
            MomentStorage.Wide => [To(MomentStorage.Bf16, weight: 1), To(MomentStorage.EightBit, weight: 2)],
            MomentStorage.Bf16 => [To(MomentStorage.EightBit, weight: 1)],
            _ => [],
        };
    }

    private static Change[] Fused(Recipe recipe) => recipe.Training.Fused
        ? []
        : [new Change("fused", "training.fused: true", Weight: 1, r => r with { Training = r.Training with { Fused = true } })];

    private static Change[] Adapters(TrainingPlan plan)
    {
        if (plan.Config.Adapter is not null || plan.Config.Trained is not null)
        {
            return [];
        }

        // GPT-NeoX has no q and v of their own, which a recipe takes where it names no targets.
        bool isFused = plan.Config.Family == ModelFamily.GptNeoX;
        return
        [
            AdapterTo(plan, isFused ? "{kind: lora, targets: [qkv]}" : "{kind: lora}", isQuantized: false, isFused ? ["qkv"] : ["q", "v"], weight: 1),
            AdapterTo(plan, "{kind: qlora}", isQuantized: true, ["all"], weight: 2),
        ];
    }

    private static Change AdapterTo(TrainingPlan plan, string text, bool isQuantized, string[] targets, int weight)
    {
        AdapterSettings settings = new() { QuantizedBase = isQuantized, Targets = targets };
        AdapterSettings resolved = AdapterTargets.Resolve(settings, plan.Config.Family);
        return new Change("adapter", $"adapter: {text}", weight, r => r with { Adapter = settings }) { Config = c => c with { Adapter = resolved } };
    }

    private sealed record Change(string Key, string Text, int Weight, Func<Recipe, Recipe> Apply)
    {
        public Func<ModelConfig, ModelConfig> Config { get; init; } = config => config;
    }

    private sealed record Way(Recipe Recipe, ModelConfig Config, IReadOnlyList<Change> Changes)
    {
        public HashSet<string> Keys { get; } = [.. Changes.Select(change => change.Key)];

        public int AdapterRank => Changes.FirstOrDefault(change => change.Key == "adapter")?.Weight ?? 0;

        // Fused steps are of one call and one micro-step.
        public bool IsPossible => !Recipe.Training.Fused
            || (TrainerSettings.Of(Recipe, steps: 0).Calls == 1 && Recipe.Training.BatchSize <= Recipe.Sharding.Lanes);

        public double Work(TrainingPlan plan) => (plan with { Recipe = Recipe, Config = Config }).Work;

        public Way And(Change change) => new(change.Apply(Recipe), change.Config(Config), [.. Changes, change]);
    }
}
