using Camels.Engine.Data;
using Camels.Engine.Parameters;
using Camels.Engine.Training;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Camels.Engine.Tests.Training;

public sealed class RecipeTests
{
    private const string Smallest = "model: {path: m}\ndata: {sources: [{dataset: messages, path: d.jsonl}]}\noutput: runs/x\n";

    private static Recipe Parse(string text, params string[] sets) =>
        RecipeReader.Parse(text, "r.yaml", [.. sets.Select(RecipeOverride.FromSet)]);

    private static string Refused(string text, params string[] sets)
    {
        CamelsException error = Assert.Throws<CamelsException>(() => Parse(text, sets));
        Assert.Equal(ExitCode.Usage, error.Code);
        Assert.InRange(error.Message.Split('\n').Length, 1, 2);
        return error.Message;
    }

    [Fact]
    public void MixturesDuplicatesAndContaminationAreReadAndWrittenBack()
    {
        const string Text = """
            model: {path: m}
            data:
              sources: [{dataset: human+gpt, path: d, fraction: 0.1}, {dataset: messages, path: e, weight: 2}]
              deduplicate: near
              contamination: {path: eval, remove: true}
            output: o
            """;
        Recipe recipe = RecipeReader.Parse(Text, "mine.yaml", []);
        Assert.Equal([new("human+gpt", "d") { Fraction = 0.1 }, new("messages", "e") { Weight = 2 }], recipe.Data.Sources);
        Assert.Equal((Deduplicate.Near, "eval", true), (recipe.Data.Deduplicate, recipe.Data.Contamination.Path, recipe.Data.Contamination.Remove));
        Recipe again = RecipeReader.Parse(RecipeWriter.ToYaml(recipe), "again", []);
        Assert.Equal(recipe.Data.Sources, again.Data.Sources);
        Assert.Equal((recipe.Data.Deduplicate, recipe.Data.Contamination), (again.Data.Deduplicate, again.Data.Contamination));
    }

    [Fact]
    public void The_smallest_recipe_has_the_contracts_defaults()
    {
        Recipe recipe = Parse(Smallest);
        Assert.Equal(("m", "runs/x", Precision.Bf16), (recipe.Model.Path, recipe.Output, recipe.Precision));
        Assert.Equal(new DataSource("messages", "d.jsonl"), Assert.Single(recipe.Data.Sources));
        Assert.Equal(("tulu", null, true, OverLength.Split), (recipe.Data.Template, recipe.Data.SequenceLength, recipe.Data.Packing, recipe.Data.OverLength));
        Assert.Equal(new TrainingRecipe(), recipe.Training);
        Assert.Equal((8, 0), (recipe.Sharding.Lanes, recipe.Sharding.LanesPerCall));
        Assert.Equal((500, 2), (recipe.Checkpoint.EverySteps, recipe.Checkpoint.Keep));
    }

    [Fact]
    public void Every_key_is_read()
    {
        Recipe recipe = Parse("""
            model: {path: models/llama-7b, tokenizer: models/tok, dropout: 0.25}
            data:
              sources:
                - {dataset: alpaca, path: data/alpaca_data.json, examples: 1000}
                - {dataset: messages, path: "a b: c#.jsonl"}
              template: other
              sequence_length: 512
              packing: false
              over_length: drop
              validation: {fraction: 0.01, every_steps: 7}
              compatibility: open_instruct_2023
              strict: true
            training:
              steps: 9
              batch_size: 16
              learning_rate: 3e-3
              schedule: cosine
              warmup_steps: 5
              min_learning_rate_ratio: 0.02
              weight_decay: 0.1
              weight_decay_on: all
              clip_norm: 0
              adam: {beta1: 0.8, beta2: 0.98, epsilon: 1.0e-6}
              seed: 9000000000
              loss_reduction: example_mean
            precision: fp32
            recompute: none
            sharding: {stage: 0, lanes: 4, lanes_per_call: 2}
            checkpoint: {every_steps: 3, keep: 1}
            output: runs/y
            """);
        Assert.Equal(
            new ModelRecipe { Path = "models/llama-7b", Tokenizer = "models/tok", Dropout = 0.25 }, recipe.Model);
        Assert.Equal([new("alpaca", "data/alpaca_data.json", 1000), new("messages", "a b: c#.jsonl")], recipe.Data.Sources);
        Assert.Equal(("other", 512, false, OverLength.Drop), (recipe.Data.Template, recipe.Data.SequenceLength, recipe.Data.Packing, recipe.Data.OverLength));
        Assert.Equal((0.01, 7, Compatibility.OpenInstruct2023, true),
            (recipe.Data.Validation.Fraction, recipe.Data.Validation.EverySteps, recipe.Data.Compatibility, recipe.Data.Strict));
        Assert.Equal(
            new TrainingRecipe
            {
                Steps = 9,
                BatchSize = 16,
                LearningRate = 3e-3,
                Schedule = ScheduleKind.Cosine,
                WarmupSteps = 5,
                MinLearningRateRatio = 0.02,
                WeightDecay = 0.1,
                WeightDecayOn = WeightDecayOn.All,
                ClipNorm = 0,
                Adam = new AdamRecipe { Beta1 = 0.8, Beta2 = 0.98, Epsilon = 1e-6 },
                Seed = 9_000_000_000,
                LossReduction = LossReduction.ExampleMean,
            },
            recipe.Training);
        Assert.Equal((Precision.Fp32, 4, 2, 3, 1),
            (recipe.Precision, recipe.Sharding.Lanes, recipe.Sharding.LanesPerCall, recipe.Checkpoint.EverySteps, recipe.Checkpoint.Keep));
    }

    // As transformers has a constant schedule and one that warms up.
    [Theory]
    [InlineData("training: {schedule: constant}", 0)]
    [InlineData("training: {schedule: constant, warmup_ratio: 0.1}", 0.1)]
    [InlineData("training: {schedule: cosine}", 0.03)]
    public void A_constant_schedule_warms_up_only_where_it_is_asked_to(string addition, double expected) =>
        Assert.Equal(expected, RecipeReader.Parse($"{Smallest}\n{addition}", "r.yaml", []).Training.WarmupRatio);

    [Theory]
    [InlineData("optput: x", "r.yaml:4", "unknown key optput", "\"x\"", "did you mean output?")]
    [InlineData("adaptor: {kind: lora}", "r.yaml:4", "unknown key adaptor", "did you mean adapter?", "a recipe takes")]
    [InlineData("training: {batchsize: 4}", "r.yaml:4", "training.batchsize", "\"4\"", "did you mean batch_size?")]
    [InlineData("training:\n  epochs: two", "r.yaml:5", "training.epochs", "\"two\"", "whole number")]
    [InlineData("training: {epochs: \"2\"}", "r.yaml:4", "training.epochs", "\"2\"", "whole number")]
    [InlineData("training: {epochs: 0}", "r.yaml:4", "training.epochs", "\"0\"", "from 1")]
    [InlineData("training: {batch_size: 3000000000}", "r.yaml:4", "training.batch_size", "3000000000", "2147483647")]
    [InlineData("training: {batch_size: [4]}", "r.yaml:4", "training.batch_size", "a list", "a single value")]
    [InlineData("training: {learning_rate: nan}", "r.yaml:4", "training.learning_rate", "\"nan\"", "a number")]
    [InlineData("training: {learning_rate: 1e999}", "r.yaml:4", "training.learning_rate", "1e999", "a number")]
    [InlineData("training: {adam: {beta2: 1}}", "r.yaml:4", "training.adam.beta2", "\"1\"", "below 1")]
    [InlineData("training: {adam: {epsilon: 1e-45}}", "r.yaml:4", "training.adam.epsilon", "\"1e-45\"", "at least 1E-37")]
    [InlineData("training: {adam: {moments: 4bit}}", "r.yaml:4", "training.adam.moments", "4bit", "fp32 | bf16 | 8bit")]
    [InlineData("training: {schedule: linaer}", "r.yaml:4", "training.schedule", "linear | cosine | constant", "did you mean linear?")]
    [InlineData("training: {seed: }", "r.yaml:4", "training.seed", "expected a value", "leave the key out")]
    [InlineData("training: [1]", "r.yaml:4", "training", "a list", "a section of keys")]
    [InlineData("training: {epochs: 1, steps: 5}", "r.yaml:4", "training.epochs", "training.steps", "one of them")]
    [InlineData("training: {warmup_ratio: 0.1, warmup_steps: 5}", "r.yaml:4", "training.warmup_ratio", "training.warmup_steps", "one of them")]
    [InlineData("training: {schedule: constant, min_learning_rate_ratio: 0.1}", "r.yaml:4", "training.min_learning_rate_ratio", "0.1", "never falls")]
    [InlineData("training: {steps: 4, warmup_steps: 5}", "r.yaml:4", "training.warmup_steps", "5", "4 steps")]
    [InlineData("precision: fp8", "r.yaml:4", "precision", "fp8", "bf16 | fp16 | fp32")]
    [InlineData("training: {loss_scale: {initial_exponent: 61}}", "r.yaml:4", "training.loss_scale.initial_exponent", "61", "from 0 to 60")]
    [InlineData("recompute: layer", "r.yaml:4", "recompute", "layer", "none | block")]
    [InlineData("sharding: {stage: 2}", "r.yaml:4", "sharding.stage: 2", "not available yet", "0")]
    [InlineData("sharding: {lanes: 6}", "r.yaml:4", "sharding.lanes", "6", "power of two")]
    [InlineData("sharding: {lanes: 2, lanes_per_call: 4}", "r.yaml:4", "sharding.lanes_per_call", "4", "at most 2")]
    [InlineData("adapter: {kind: dora}", "r.yaml:4", "adapter.kind", "\"dora\"", "lora | qlora")]
    [InlineData("adapter: {rank: 0}", "r.yaml:4", "adapter.rank", "\"0\"", "from 1")]
    [InlineData("adapter: {targets: {q: 1}}", "r.yaml:4", "adapter.targets", "a section", "a list of texts")]
    [InlineData("train: []", "r.yaml:4", "train", "a list", "a list of texts")]
    [InlineData("output: twice", "r.yaml:4", "output", "twice", "r.yaml:3")]
    [InlineData("data: &a {}", "r.yaml:4", "anchors", "not accepted", "write the value out")]
    [InlineData("training: *a", "r.yaml:4", "alias", "*a", "write the value out")]
    [InlineData("training: !!map {}", "r.yaml:4", "tags", "not accepted", "write the value out")]
    [InlineData("---\noutput: y", "r.yaml:4", "second YAML document", "one", "recipe")]
    [InlineData("training: {epochs: 1", "r.yaml:", "not valid YAML", "", "")]
    public void What_is_wrong_is_named_with_place_and_remedy(
        string addition, string place, string first, string second, string third)
    {
        string message = Refused(Smallest + addition + "\n");
        Assert.StartsWith(place, message, StringComparison.Ordinal);
        Assert.Contains(first, message, StringComparison.Ordinal);
        Assert.Contains(second, message, StringComparison.Ordinal);
        Assert.Contains(third, message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "model is missing")]
    [InlineData("model: {path: m}", "data.sources is missing")]
    [InlineData("model: {path: m}\ndata: {sources: []}", "data.sources is missing")]
    [InlineData("model: {path: m}\ndata: {sources: [{dataset: alpaca}]}", "data.sources[0].path is missing")]
    [InlineData("model: {path: m}\ndata: {sources: [alpaca]}", "data.sources[0] is \"alpaca\"")]
    [InlineData("model: {path: m, family: llama}", "give a path (its weights), or family")]
    [InlineData("model: {family: llama}", "needs family, size, initialize: random")]
    [InlineData("model: {path: m}\ndata: {sources: [{dataset: a, path: b}]}", "output is missing")]
    [InlineData("[1, 2]", "a section of keys")]
    [InlineData("model: {path: m}\ndata: {sources: [{dataset: a, path: b}], validation: {fraction: 0.5, sources: [{dataset: a, path: b}]}}", "one of them")]
    public void What_is_missing_or_impossible_is_named(string text, string expected) =>
        Assert.Contains(expected, Refused(text), StringComparison.Ordinal);

    [Fact]
    public void Deep_nesting_is_refused_without_overflowing_the_stack() =>
        Assert.Contains("nested deeper", Refused(new string('[', 100_000)), StringComparison.Ordinal);

    [Fact]
    public void Any_text_is_a_recipe_or_a_refusal_with_exit_code_2()
    {
        string[] pieces = ["model", ":", " ", "\n", "  ", "{", "}", "[", "]", ",", "-", "\"", "'", "&a", "*a", "!t", "|", ">", "?", "#", "%", "\t", "path", "---", "...", "\u0001", "\ud800"];
        Gen<string> texts = Gen.Elements(pieces).ListOf().Select(string.Concat);
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(2000),
            Prop.ForAll(texts.ToArbitrary(), text => Record.Exception(() => Parse(text)) is null or CamelsException { Code: ExitCode.Usage }));
    }

    [Fact]
    public void Overrides_replace_and_add_and_name_themselves()
    {
        Recipe recipe = Parse(Smallest + "training: {epochs: 3}\n", "training.steps=5", "sharding.lanes=2", "data.sources=[{dataset: x, path: y}]");
        Assert.Equal((5, 2), (recipe.Training.Steps, recipe.Sharding.Lanes));
        Assert.Equal("x", recipe.Data.Sources[0].Dataset);
        Assert.StartsWith("--set training.stepz=5: unknown key", Refused(Smallest, "training.stepz=5"), StringComparison.Ordinal);
        Assert.StartsWith("--set output.x=5: output is \"runs/x\"", Refused(Smallest, "output.x=5"), StringComparison.Ordinal);
        Assert.Contains("KEY=VALUE", Refused(Smallest, "training.steps"), StringComparison.Ordinal);
    }

    [Fact]
    public void Flags_alone_make_a_recipe()
    {
        Recipe recipe = RecipeReader.Parse(
            "",
            "command line",
            [
                RecipeOverride.FromFlag("--model", "model.path", "a: b"),
                RecipeOverride.FromSources(["alpaca=x:y.json:1000", "messages=d:z"]),
                RecipeOverride.FromFlag("--output", "output", "o"),
            ]);
        Assert.Equal("a: b", recipe.Model.Path);
        Assert.Equal([new("alpaca", "x:y.json", 1000), new("messages", "d:z")], recipe.Data.Sources);
    }

    [Fact]
    public void A_written_recipe_reads_back_equal_whatever_its_texts_and_numbers()
    {
        Gen<string> text = ArbMap.Default.GeneratorFor<NonEmptyString>().Select(value => value.Get.Replace('\0', '0'));
        Gen<Recipe> recipes =
            from path in text
            from output in text
            from rate in ArbMap.Default.GeneratorFor<NormalFloat>()
            from seed in Gen.Choose(0, int.MaxValue)
            from steps in Gen.OneOf(Gen.Constant((int?)null), Gen.Choose(1, 1000).Select(value => (int?)value))
            select new Recipe
            {
                Model = new ModelRecipe { Path = path, Dropout = steps is null ? null : 1.0 / (steps + 1) },
                Data = new DataRecipe { Sources = [new DataSource(output, path, steps)], SequenceLength = steps + 1 },
                Training = new TrainingRecipe { LearningRate = Math.Abs(rate.Get), Seed = seed, Steps = steps, WarmupSteps = steps },
                Output = output,
            };
        Check.QuickThrowOnFailure(Prop.ForAll(recipes.ToArbitrary(), recipe =>
        {
            string yaml = RecipeWriter.ToYaml(recipe);
            Recipe again = RecipeReader.Parse(yaml, "again", []);
            RecipeWriter.RequireResumable(recipe, again);
            return yaml == RecipeWriter.ToYaml(again) && again.Output == recipe.Output && again.Model == recipe.Model
                && again.Training == recipe.Training && again.Data.Sources.SequenceEqual(recipe.Data.Sources);
        }));
    }

    [Fact]
    public void A_run_that_goes_on_with_an_adapter_takes_its_sizes_from_it()
    {
        Recipe recipe = Parse(Smallest, "model.adapter=a", "adapter.kind=qlora");
        Assert.Equal("a", recipe.Model.Adapter);
        Assert.True(recipe.Adapter!.QuantizedBase);
        string yaml = RecipeWriter.ToYaml(recipe);
        Assert.DoesNotContain("rank", yaml, StringComparison.Ordinal);
        Assert.Equal(yaml, RecipeWriter.ToYaml(RecipeReader.Parse(yaml, "again", [])));
        Assert.Contains("adapter.rank is that of model.adapter, a", Refused(Smallest, "model.adapter=a", "adapter.rank=4"), StringComparison.Ordinal);
        Assert.Contains("train and an adapter", Refused(Smallest, "model.adapter=a", "train=[\"*.bias\"]"), StringComparison.Ordinal);
        Assert.Contains("train and an adapter", Refused(Smallest, "adapter.rank=4", "train=[\"*.bias\"]"), StringComparison.Ordinal);
        const string Random = """
            model: {family: llama, size: 7b, initialize: random, tokenizer: t}
            data: {sources: [{dataset: messages, path: d}]}
            output: o
            """;
        Assert.Contains("model.adapter needs the model that it was trained over", Refused(Random, "model.adapter=a"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("training.steps=11", "")]
    [InlineData("checkpoint.every_steps=1", "")]
    [InlineData("training.steps=9", "training.steps (10 → 9)")]
    [InlineData("training.epochs=3", "training.epochs (absent → 3)")]
    [InlineData("training.seed=1", "training.seed (42 → 1)")]
    [InlineData("sharding.lanes=4", "sharding.lanes (8 → 4)")]
    public void Resuming_refuses_every_change_but_length_and_checkpoints(string set, string expected)
    {
        Recipe started = Parse(Smallest, "training.steps=10");
        Recipe wanted = Parse(Smallest, "training.steps=10", set);
        if (expected.Length == 0)
        {
            RecipeWriter.RequireResumable(started, wanted);
            return;
        }

        CamelsException error = Assert.Throws<CamelsException>(() => RecipeWriter.RequireResumable(started, wanted));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Usage, error.Code);
    }
}
