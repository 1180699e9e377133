using Camels.Engine.Models;
using Camels.Engine.Tests.Models;
using Camels.Engine.Training;
using Camels.Kernels;
using Xunit;

namespace Camels.Engine.Tests.Training;

/// <summary>What a run will take is known from its recipe and config alone, and what is said to fit does.</summary>
[Collection("alone")]      // counts the memory of all devices
public class TrainingPlanTests
{
    private const int Tokens = 2048;

    [Fact]
    public void The_plan_is_the_trainers()
    {
        using Device device = Device.OpenCpu(threads: 1);
        foreach (string set in (string[])["recompute=none", "recompute=block", "training.fused=true", "sharding.lanes_per_call=1", "training.adam.moments=8bit", "train=[\"*.bias\"]"])
        {
            Recipe recipe = Parse("model={path: m}", "training.batch_size=4", "sharding.lanes=4", set);
            ModelConfig config = TinyModels.Config("opt with dropout") with { Trained = recipe.Train };
            using ILanguageModel model = ModelCatalog.Create(config, recipe.Precision, device);
            TestRows rows = new(TinyLlama.Documents(count: 24, longest: 24), documentsPerRow: 2, batchSize: 4);
            using Trainer trainer = new(model, device, TrainerSettings.Of(recipe, steps: 9), rows, sources: 2);
            TrainingPlan plan = TrainingPlan.Of(recipe, config, rows.LongestRow, rows.MostTrainedInARow);
            Assert.Equal(trainer.Plan, plan.Memory);
            Assert.Equal(trainer.Optimizer.Parameters.Sum(p => p.Elements), plan.Memory.TrainedParameters);
            MemoryPlan memory = plan.Memory;
            Assert.Equal(memory.ParameterBytes, memory.WeightBytes + memory.MasterBytes + memory.MomentBytes + memory.GradientBytes);
            Assert.InRange(memory.HeadBytes, 1, memory.ActivationBytes - 1);
        }
    }

    [Theory]
    [InlineData(8, 1 << 24)]
    [InlineData(1024, 1 << 22)]
    public void More_tokens_at_once_than_can_be_numbered_are_refused(int lanes, int tokens)
    {
        Recipe recipe = Parse("model={path: m}", "training.batch_size=1024", $"sharding.lanes={lanes}");
        ModelConfig config = TinyModels.Config("opt");
        CamelsException refused = Assert.Throws<CamelsException>(() => TrainingPlan.Of(recipe, config, tokens, tokens));
        Assert.Equal(ExitCode.Usage, refused.Code);
        Assert.Contains("lower data.sequence_length or sharding.lanes_per_call", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("llama", "65b")]
    [InlineData("opt", "66b")]
    [InlineData("pythia", "12b")]
    public void The_largest_presets_are_planned_without_weights(string family, string size)
    {
        Recipe recipe = Preset(family, size);
        ModelConfig config = StartingModel.ConfigOf(recipe);
        long before = DeviceMemory.LiveBytes;
        MemoryPlan memory = TrainingPlan.Of(recipe, config, Tokens, Tokens).Memory;
        Assert.InRange(DeviceMemory.LiveBytes - before, 0, 64 << 20);       // the table of rotations

        // Slabs are aligned; a tied head has a gradient of its own.
        long head = config.TiedEmbeddings ? (long)config.VocabularySize * config.EmbeddingWidth : 0;
        long weights = config.ParameterCount();
        Assert.Equal(weights, memory.TrainedParameters);
        Assert.InRange(memory.WeightBytes, 2 * weights, 2.001 * weights);
        Assert.InRange(memory.MasterBytes, 4 * weights, 4.001 * weights);
        Assert.InRange(memory.MomentBytes, 8 * weights, 8.001 * weights);
        Assert.InRange(memory.GradientBytes, 4 * (weights + head), 4.001 * (weights + head));
    }

    // Read back as a user would write them: the text of a way is what makes the run as small as it says.
    [Theory]
    [InlineData("llama", "7b", 0.9, 1)]
    [InlineData("llama", "7b", 0.3, 1)]
    [InlineData("llama", "65b", 0.05, 1)]
    [InlineData("opt", "1.3b", 0.5, 1)]
    [InlineData("pythia", "2.8b", 0.3, 1)]
    [InlineData("pythia", "2.8b", 0.5, 64)]
    public void Every_way_fits_when_it_is_followed(string family, string size, double share, int lanes)
    {
        Recipe recipe = Preset(family, size, $"sharding.lanes={8 * lanes}", $"training.batch_size={16 * lanes}", "data.sequence_length=256");
        TrainingPlan plan = PlanOf(recipe);
        long bytes = (long)(share * plan.Memory.TotalBytes);
        IReadOnlyList<MemoryRemedy> ways = MemoryRemedies.Find(plan, bytes, out MemoryRemedy? least);
        Assert.NotEmpty(ways);
        Assert.NotNull(least);
        foreach (MemoryRemedy way in ways)
        {
            string[] sets = [.. way.Changes.Select(change => change.Replace(": ", "=", StringComparison.Ordinal).Replace("=lora, targets=[", ": lora, targets: [", StringComparison.Ordinal)
                .Replace("{kind=", "{kind: ", StringComparison.Ordinal))];
            Recipe changed = Preset(family, size, [$"sharding.lanes={8 * lanes}", $"training.batch_size={16 * lanes}", "data.sequence_length=256", .. sets]);
            TrainingPlan followed = PlanOf(changed);
            Assert.Equal(way.Plan.Memory, followed.Memory);
            Assert.Equal(way.Plan.Work, followed.Work);
            Assert.InRange(followed.Memory.TotalBytes, 1, bytes);
        }

        Assert.Equal(ways.OrderBy(way => way.Plan.Config.Adapter is not null).ThenBy(way => way.Plan.Work), ways);
    }

    [Fact]
    public void What_hardly_does_not_fit_needs_one_change()
    {
        TrainingPlan plan = PlanOf(Preset("llama", "7b"));
        IReadOnlyList<MemoryRemedy> ways = MemoryRemedies.Find(plan, plan.Memory.TotalBytes - 1, out _);
        Assert.All(ways, way => Assert.Single(way.Changes));

        // Not lanes_per_call, whose tree of gradients takes more than its activations save.
        Assert.Equal(["training.adam.moments: bf16", "recompute: block", "adapter: {kind: lora}"], ways.Select(way => way.Changes[0]));
    }

    [Fact]
    public void What_does_not_fit_is_refused_in_two_lines()
    {
        TrainingPlan plan = PlanOf(Preset("llama", "65b"));
        plan.RequireRoom(plan.Memory.TotalBytes, "a GPU");
        CamelsException refused = Assert.Throws<CamelsException>(() => plan.RequireRoom(80_000_000_000, "a GPU"));
        Assert.Equal(ExitCode.Usage, refused.Code);
        string[] lines = refused.Message.Split('\n');
        Assert.Equal(2, lines.Length);
        Assert.Contains("a GPU has 80.00 GB", lines[0], StringComparison.Ordinal);
        Assert.StartsWith("it fits, cheapest first, with ", lines[1], StringComparison.Ordinal);
        refused = Assert.Throws<CamelsException>(() => plan.RequireRoom(1_000_000_000, "a GPU"));
        Assert.Contains("nothing that was tried makes it fit; the least is ", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, "recompute=none")]
    [InlineData(4.0 / 3, "recompute=block")]
    [InlineData(2, "training.fused=true")]
    [InlineData(8.0 / 3, "training.fused=true", "recompute=block")]
    [InlineData(1, "training.fused=true", "training.optimizer=sgd", "training.clip_norm=0", "training.clip_value=1")]
    [InlineData(2, "training.fused=true", "training.optimizer=sgd", "training.clip_norm=0", "training.clip_value=1", "precision=fp16")]
    [InlineData(2.0 / 3, "adapter={kind: lora}")]
    public void Work_counts_what_is_computed_again(double expected, params string[] sets) =>
        Assert.Equal(expected, PlanOf(Preset("llama", "15m", ["training.batch_size=8", .. sets])).Work, tolerance: 1e-12);

    [Theory]
    [InlineData(1, "recompute=block")]
    [InlineData(1, "training.fused=true")]
    [InlineData(2.0 / 3, "adapter={kind: lora}")]
    public void Utilisation_counts_nothing_twice_and_no_gradients_of_frozen_weights(double expected, string set)
    {
        TrainingPlan plan = PlanOf(Preset("llama", "15m", ["training.batch_size=8", set]));
        double all = PlanOf(Preset("llama", "15m", ["training.batch_size=8"])).UsefulFlopsPerToken(documentTokens: 100);
        Assert.Equal(expected * all, plan.UsefulFlopsPerToken(documentTokens: 100), tolerance: 1e-9 * all);
    }

    private static TrainingPlan PlanOf(Recipe recipe)
    {
        int tokens = recipe.Data.SequenceLength ?? Tokens;
        return TrainingPlan.Of(recipe, StartingModel.ConfigOf(recipe), tokens, tokens);
    }

    private static Recipe Preset(string family, string size, params string[] sets) =>
        Parse([$"model={{family: {family}, size: {size}, initialize: random, tokenizer: nowhere}}", .. sets]);

    private static Recipe Parse(params string[] sets) => RecipeReader.Parse(
        "data: {sources: [{dataset: messages, path: nowhere}]}\noutput: nowhere\n", "r.yaml", [.. sets.Select(RecipeOverride.FromSet)]);
}
