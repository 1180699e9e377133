using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Camels.Engine.Checkpoints;
using Camels.Engine.Data;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Tests.Models;
using Camels.Engine.Tokenizers;
using Camels.Engine.Training;
using Camels.Kernels;
using Camels.Testing;
using Xunit;

namespace Camels.Engine.Tests.Training;

/// <summary>Whole runs, from recipe to model folder: what is saved, resumed, refused.</summary>
public sealed partial class FinetuneRunTests : IDisposable
{
    private const int Steps = 12;

    private readonly string _folder = Directory.CreateTempSubdirectory("camels-run-").FullName;

    public FinetuneRunTests()
    {
        Environment.SetEnvironmentVariable("CAMELS_CACHE", Path.Combine(_folder, "cache"));
        WriteModel(Path.Combine(_folder, "base"), Llama(vocabulary: 260));
        using StreamWriter data = new(Path.Combine(_folder, "data.jsonl"));
        Random random = new(5);
        for (int i = 0; i < 60; i++)
        {
            string word = new([.. Enumerable.Range(0, random.Next(2, 9)).Select(_ => (char)('a' + random.Next(26)))]);
            data.WriteLine($$"""{"messages":[{"role":"user","content":"say {{word}}"},{"role":"assistant","content":"{{word}}"}]}""");
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("fp32", "fp32")]
    [InlineData("bf16", "fp32")]
    [InlineData("fp16", "fp32")]
    [InlineData("bf16", "bf16")]
    [InlineData("bf16", "8bit")]
    [InlineData("fp16", "bf16", "lora")]
    [InlineData("bf16", "8bit", "qlora")]
    public void A_run_stopped_and_resumed_after_every_step_ends_in_the_same_bits(string precision, string moments, string? adapter = null)
    {
        Precision type = RecipeNames.Precisions[precision];
        Recipe straight = RecipeFor("straight", Steps) with
        {
            Precision = type,
            Adapter = adapter is null ? null : new AdapterSettings { QuantizedBase = RecipeNames.Adapters[adapter], Dropout = 0.1, Targets = ["all"] },
        };
        straight = straight with { Training = straight.Training with { Adam = new AdamRecipe { Moments = RecipeNames.Moments[moments] } } };
        Assert.Equal(Steps, Run(straight, resume: false, stopAfter: int.MaxValue).StepsDone);

        Recipe pieces = straight with { Output = straight.Output + "-pieces" };
        RunOutcome outcome = Run(pieces, resume: false, stopAfter: 1);
        for (int step = 1; step < Steps; step++)
        {
            Assert.True(outcome.IsInterrupted);
            Assert.Equal(step, outcome.StepsDone);
            outcome = Run(pieces, resume: true, stopAfter: 1);
        }

        Assert.False(outcome.IsInterrupted);
        Assert.Equal(Digests(straight.Output), Digests(pieces.Output));
        Assert.Equal(Losses(straight.Output), Losses(pieces.Output));
        Assert.Equal(Steps, Losses(pieces.Output).Count);
    }

    [Fact]
    public void Overflows_halve_the_scale_in_the_log_and_resuming_goes_on_from_it()
    {
        Recipe straight = RecipeFor("scaled", Steps) with { Precision = Precision.Fp16 };
        straight = straight with { Training = straight.Training with { LossScale = new LossScaleRecipe { InitialExponent = 30, GrowthSteps = 2 } } };
        _ = Run(straight, resume: false, stopAfter: int.MaxValue);
        List<double> scales = Logged(straight.Output, "loss_scale");
        List<double> skips = Logged(straight.Output, "skipped");
        Assert.True(skips[0] > 2, "the first step fits at 2^30");
        Assert.Equal(Math.ScaleB(1, 30 - (int)skips[0]), scales[0]);
        Assert.Contains(scales.Zip(scales.Skip(1)), pair => pair.Second == 2 * pair.First);

        Recipe pieces = straight with { Output = straight.Output + "-pieces" };
        for (bool isResumed = false; Run(pieces, isResumed, stopAfter: 1).IsInterrupted;)
        {
            isResumed = true;
        }

        Assert.Equal(Digests(straight.Output), Digests(pieces.Output));
        Assert.Equal(scales, Logged(pieces.Output, "loss_scale"));
        Assert.Equal(skips, Logged(pieces.Output, "skipped"));
    }

    [Fact]
    public void Lines_of_steps_that_are_run_again_leave_the_log()
    {
        Recipe recipe = RecipeFor("again", Steps) with { Checkpoint = new CheckpointRecipe { EverySteps = 4, Keep = 3 } };
        _ = Run(recipe, resume: false, stopAfter: int.MaxValue);
        List<double> losses = Losses(recipe.Output);
        Directory.Delete(Path.Combine(recipe.Output, "checkpoints", CheckpointFolders.NameOf(Steps)), recursive: true);
        _ = Run(recipe, resume: true, stopAfter: int.MaxValue);
        Assert.Equal(losses, Losses(recipe.Output));
    }

    [Fact]
    public void What_a_resumption_passed_over_does_not_count_as_kept()
    {
        Recipe recipe = RecipeFor("passed over", steps: 2) with { Checkpoint = new CheckpointRecipe { EverySteps = 2, Keep = 2 } };
        _ = Run(recipe, resume: false, stopAfter: int.MaxValue);
        string checkpoints = Path.Combine(recipe.Output, "checkpoints");
        _ = Directory.CreateDirectory(Path.Combine(checkpoints, CheckpointFolders.NameOf(3)));
        _ = Run(recipe with { Training = recipe.Training with { Steps = 4 } }, resume: true, stopAfter: int.MaxValue);
        Assert.Equal([4, 2], CheckpointFolders.Steps(checkpoints));
    }

    [Theory]
    [InlineData("""{"eos_token_id": 257, "temperature": 0.6}""", """{"eos_token_id":[257,258],"temperature":0.6}""")]
    [InlineData(null, """{"bos_token_id":256,"eos_token_id":[257,258],"pad_token_id":null}""")]
    public void The_template_and_its_end_token_travel_with_the_model(string? generation, string expected)
    {
        string template = Path.Combine(_folder, "mine.json");
        File.WriteAllText(template, """{"system": "{content}", "user": "[U]{content}", "assistant": "[A]{content}{eos}", "end_token": "<|user|>\n"}""");
        string published = Path.Combine(_folder, "base", HuggingFaceFolder.GenerationConfigName);
        File.Delete(published);
        if (generation is not null)
        {
            File.WriteAllText(published, generation);
        }

        Recipe recipe = RecipeFor("template", steps: 2);
        RunOutcome outcome = Run(recipe with { Data = recipe.Data with { Template = template } }, resume: false, stopAfter: int.MaxValue);
        using JsonDocument config = JsonDocument.Parse(File.ReadAllText(Path.Combine(outcome.ModelPath!, "tokenizer_config.json")));
        Assert.Contains("'[A]'", config.RootElement.GetProperty("chat_template").GetString());
        Assert.True(File.Exists(Path.Combine(outcome.ModelPath!, TemplateExport.ConformanceName)));
        Assert.True(File.Exists(Path.Combine(recipe.Output, "checkpoints", CheckpointFolders.NameOf(2), "model", TemplateExport.ConformanceName)));
        using HuggingFaceFolder model = HuggingFaceFolder.Open(outcome.ModelPath!);
        Assert.Equal([257, 258], model.Config.EosIds);
        Assert.Equal(
            expected, JsonNode.Parse(File.ReadAllText(Path.Combine(outcome.ModelPath!, HuggingFaceFolder.GenerationConfigName)))!.ToJsonString());
    }

    [Fact]
    public void The_log_has_each_sources_loss_and_trained_tokens()
    {
        File.WriteAllText(Path.Combine(_folder, "other.jsonl"), """{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"long answer"}]}""" + "\n");
        Recipe recipe = RecipeFor("sources", steps: 3);
        recipe = recipe with
        {
            Data = recipe.Data with { Sources = [.. recipe.Data.Sources, new("messages", Path.Combine(_folder, "other.jsonl"))], Validation = new() },
            Training = recipe.Training with { BatchSize = 1000 },
        };
        _ = Run(recipe, resume: false, stopAfter: int.MaxValue);
        foreach (string line in File.ReadLines(Path.Combine(recipe.Output, "log.jsonl")))
        {
            JsonElement step = JsonDocument.Parse(line).RootElement;
            JsonElement first = step.GetProperty("sources").GetProperty("messages");
            JsonElement second = step.GetProperty("sources").GetProperty("messages_2");
            long firstTokens = first.GetProperty("trained_tokens").GetInt64();
            Assert.Equal(12, second.GetProperty("trained_tokens").GetInt64());
            Assert.Equal(step.GetProperty("trained_tokens").GetInt64(), firstTokens + 12);
            double mean = ((first.GetProperty("loss").GetDouble() * firstTokens) + (second.GetProperty("loss").GetDouble() * 12)) / (firstTokens + 12);
            Assert.Equal(step.GetProperty("loss").GetDouble(), mean, tolerance: 1e-12);
        }
    }

    // Means over micro-steps of two rows, then their mean: what open-instruct of 2023 reports.
    [Fact]
    public void The_loss_of_2023_is_a_mean_of_means()
    {
        Recipe now = RecipeFor("now", steps: 1);
        now = now with
        {
            Data = now.Data with { Packing = false, Validation = new() },
            Sharding = new ShardingRecipe { Lanes = 1 },
            Training = now.Training with { BatchSize = 60, LossReduction = LossReduction.ExampleMean },
        };
        Recipe then = now with { Output = Path.Combine(_folder, "then"), Data = now.Data with { Compatibility = Compatibility.OpenInstruct2023 } };
        Recipe pairs = then with { Output = Path.Combine(_folder, "pairs"), Sharding = new ShardingRecipe { Lanes = 2 } };
        Recipe all = then with { Output = Path.Combine(_folder, "all"), Sharding = new ShardingRecipe { Lanes = 64 } };
        Recipe tokens = now with { Output = Path.Combine(_folder, "tokens"), Training = now.Training with { LossReduction = LossReduction.Tokens } };
        double[] losses = [.. new[] { now, then, pairs, all, tokens }.Select(recipe =>
        {
            _ = Run(recipe, resume: false, stopAfter: int.MaxValue);
            return Losses(recipe.Output)[0];
        })];
        Assert.Equal(losses[0], losses[1], tolerance: 1e-12);     // a row a micro-step: the mean of the examples' means
        Assert.Equal(losses[4], losses[3], tolerance: 1e-12);     // all rows in one: the mean over tokens
        Assert.NotEqual(losses[0], losses[2], tolerance: 1e-6);
        Assert.NotEqual(losses[4], losses[2], tolerance: 1e-6);
    }

    [Fact]
    public void Checkpoints_move_between_the_cpu_and_a_gpu()
    {
        Recipe recipe = RecipeFor("moving", steps: 4) with { Precision = Precision.Bf16 };
        _ = Run(recipe, resume: false, stopAfter: 2);
        CountingWatcher onGpu = new(stopAfter: 1);
        Assert.Equal(3, Run(recipe, resume: true, onGpu, Device.OpenEmulated("sm_90a")).StepsDone);
        Assert.Contains(onGpu.Notes, note => note.Contains("the checkpoint comes from cpu", StringComparison.Ordinal)
            && note.Contains("this is emulated sm_90a", StringComparison.Ordinal));
        Assert.False(Run(recipe, resume: true, stopAfter: int.MaxValue).IsInterrupted);

        Recipe straight = RecipeFor("staying", steps: 4) with { Precision = Precision.Bf16 };
        _ = Run(straight, resume: false, stopAfter: int.MaxValue);
        List<double> moved = Losses(recipe.Output);
        List<double> stayed = Losses(straight.Output);
        Assert.Equal(stayed[..2], moved[..2]);
        Assert.Equal(stayed[2], moved[2], tolerance: 0.01 * stayed[2]);
        Assert.Equal(stayed[3], moved[3], tolerance: 0.01 * stayed[3]);
    }

    [Fact]
    public void A_gpu_lost_in_the_middle_of_a_run_loses_no_checkpoint()
    {
        Recipe straight = RecipeFor("kept", steps: 2);
        straight = straight with { Checkpoint = new CheckpointRecipe { EverySteps = 1 }, Data = straight.Data with { Validation = new() } };
        using Device whole = Device.OpenEmulated();
        _ = new FinetuneRun(straight, whole, resume: false, new CountingWatcher(int.MaxValue)).Run();

        // In the last quarter of its launches.
        Recipe recipe = straight with { Output = Path.Combine(_folder, "lost") };
        Device failing = Device.OpenEmulated("sm_80", new PtxOptions { LostAfterLaunches = whole.EmulatedCounts.Launches * 3 / 4 });
        CamelsException failed = Assert.Throws<CamelsException>(() => Run(recipe, resume: false, new CountingWatcher(int.MaxValue), failing));
        Assert.Equal(ExitCode.RunFailed, failed.Code);
        Assert.Matches("^step 2: the GPU stopped: .*; --resume goes on from the checkpoint after step 1$", failed.Message);
        Assert.Equal(2, Run(recipe, resume: true, new CountingWatcher(int.MaxValue), Device.OpenEmulated()).StepsDone);
        Assert.Equal(Losses(straight.Output), Losses(recipe.Output));
    }

    /// <summary>The losses stay as close to those of double-precision arithmetic as those of the cpu and of plain code, the largest error, or a loss's own rounding, twice.</summary>
    [Theory]
    [InlineData("lora", "fp32")]
    [InlineData("qlora", "fp32")]
    [InlineData("sgd", "fp32")]
    [InlineData("fused", "fp32")]
    [InlineData("fused sgd in one pass", "fp32")]
    [InlineData("moments in bf16", "fp32")]
    [InlineData("moments in 8 bits", "fp32")]
    [InlineData("adamw", "fp16")]
    public void Every_kind_of_step_follows_the_cpu_on_a_gpu(string kind, string precision)
    {
        Recipe recipe = KindOfStep(kind) with { Precision = RecipeNames.Precisions[precision] };
        TrainingRecipe wide = recipe.Training with { Adam = new AdamRecipe() };
        List<double> truth = LossesOn(Device.OpenReference(), recipe with { Precision = Precision.Fp32, Training = wide });
        double LargestError(Device device) => truth.Zip(LossesOn(device, recipe), (expected, actual) => Math.Abs(expected - actual)).Max();
        double plain = LargestError(Device.OpenPlain());
        double cpu = LargestError(Device.OpenCpu(threads: 2));
        double emulated = LargestError(Device.OpenEmulated(precision == "fp16" ? "sm_90a" : "sm_80"));
        double rounding = Numbers.HalfUlp(DType.F32) * truth.Max();
        Assert.True(emulated <= 2 * Math.Max(rounding, Math.Max(plain, cpu)), $"off by {emulated:E3}; the cpu by {cpu:E3}, plain code by {plain:E3}");
    }

    private Recipe KindOfStep(string kind)
    {
        Recipe recipe = RecipeFor($"kind {kind}", steps: 3);
        AdapterSettings adapter = new() { Rank = 3, Alpha = 6, Dropout = 0.2, Targets = ["q", "v", "down"], QuantizedBase = kind == "qlora" };
        TrainingRecipe adamW = recipe.Training with { BatchSize = 2, LearningRate = 0.02, WarmupSteps = 0 };
        TrainingRecipe sgd = adamW with { Optimizer = OptimizerKind.Sgd, LearningRate = 0.5 };
        return recipe with
        {
            Data = recipe.Data with { Validation = new(), SequenceLength = 32 },
            Sharding = new ShardingRecipe { Lanes = 2 },
            Adapter = kind.EndsWith("lora", StringComparison.Ordinal) ? adapter : null,
            Training = kind switch
            {
                "sgd" => sgd,
                "fused" => adamW with { Fused = true },
                "fused sgd in one pass" => sgd with { Fused = true, ClipNorm = 0, ClipValue = 0.01 },
                "moments in bf16" => adamW with { Adam = new AdamRecipe { Moments = MomentStorage.Bf16 } },
                "moments in 8 bits" => adamW with { Adam = new AdamRecipe { Moments = MomentStorage.EightBit } },
                _ => adamW,
            },
        };
    }

    private List<double> LossesOn(Device device, Recipe recipe)
    {
        string output = Path.Combine(_folder, $"{recipe.Output} {device.Kind}");
        _ = Run(recipe with { Output = output }, resume: false, new CountingWatcher(int.MaxValue), device);
        return Losses(output);
    }

    // transformers trains OPT with its config's dropout: so does a run, unless its recipe says otherwise.
    [Fact]
    public void A_run_drops_what_the_models_config_says_and_says_so()
    {
        ModelConfig opt = TinyModels.Config("opt") with { VocabularySize = 260, BosId = 256, EosIds = [257], Dropout = new DropoutShares(0.2) };
        WriteModel(Path.Combine(_folder, "base"), opt);
        Recipe recipe = RecipeFor("dropping", steps: 4);
        CountingWatcher watcher = new(int.MaxValue);
        _ = Run(recipe, resume: false, watcher, Device.OpenCpu(threads: 2));
        Assert.Contains(watcher.Notes, note => note.StartsWith("dropout 0.2, as the model's config.json says", StringComparison.Ordinal));
        Assert.Equal([0.2, 0.2, 0.2, 0.2], Logged(recipe.Output, "dropout"));
        using (HuggingFaceFolder trained = HuggingFaceFolder.Open(Path.Combine(recipe.Output, "model")))
        {
            Assert.Equal(new DropoutShares(0.2), trained.Config.Dropout);
        }

        Recipe none = recipe with { Output = recipe.Output + "-none", Model = recipe.Model with { Dropout = 0 } };
        _ = Run(none, resume: false, stopAfter: int.MaxValue);
        WriteModel(Path.Combine(_folder, "base"), opt with { Dropout = new DropoutShares(Attention: 0.1) });
        Assert.Equal(ExitCode.BadInput, Assert.Throws<CamelsException>(
            () => Run(recipe with { Output = recipe.Output + "-refused" }, resume: false, stopAfter: 1)).Code);
        Recipe also = none with { Output = none.Output + "-also" };
        _ = Run(also, resume: false, stopAfter: int.MaxValue);
        Assert.NotEqual(Losses(recipe.Output), Losses(none.Output));
        Assert.Equal(Losses(none.Output), Losses(also.Output));
        Assert.DoesNotContain("dropout", File.ReadAllText(Path.Combine(none.Output, "log.jsonl")));
    }

    [Theory]
    [InlineData("lora")]
    [InlineData("qlora")]
    public void A_run_goes_on_with_an_adapter(string kind)
    {
        AdapterSettings settings = new() { Rank = 3, Alpha = 5, Targets = ["o", "gate"] };
        Recipe first = RecipeFor("first", steps: 4) with { Adapter = settings };
        string trained = Run(first, resume: false, stopAfter: int.MaxValue).ModelPath!;

        // The first step of a schedule that warms up has learning rate 0: the adapter is still what it was.
        Recipe second = RecipeFor("second", steps: 1) with
        {
            Model = first.Model with { Adapter = trained },
            Adapter = new AdapterSettings { QuantizedBase = RecipeNames.Adapters[kind], Targets = [] },
        };
        string same = Run(second, resume: false, stopAfter: int.MaxValue).ModelPath!;
        foreach (string file in (string[])[AdapterFolder.WeightsName, AdapterFolder.ConfigName])
        {
            Assert.Equal(File.ReadAllBytes(Path.Combine(trained, file)), File.ReadAllBytes(Path.Combine(same, file)));
        }

        Recipe third = second with { Output = second.Output + "-on", Training = second.Training with { Steps = 3 } };
        string on = Run(third, resume: false, stopAfter: int.MaxValue).ModelPath!;
        Assert.NotEqual(
            File.ReadAllBytes(Path.Combine(trained, AdapterFolder.WeightsName)), File.ReadAllBytes(Path.Combine(on, AdapterFolder.WeightsName)));
    }

    [Theory]
    [InlineData("wider", "layers.0.self_attn.o_proj.lora_A.weight' has the shape (8, 36), expected (8, 30)")]
    [InlineData("deeper", "the tensor 'base_model.model.model.layers.2.self_attn.o_proj.lora_A.weight' is missing")]
    [InlineData("shallower", "the tensor 'base_model.model.model.layers.1.mlp.gate_proj.lora_A.weight' belongs to no linear layer")]
    [InlineData("neox", "its targets (o_proj, gate_proj) are no linear layers of this model")]
    public void An_adapter_that_does_not_fit_is_refused(string model, string message)
    {
        Recipe first = RecipeFor("fitting", steps: 1) with { Adapter = new AdapterSettings { Targets = ["o", "gate"] } };
        string trained = Run(first, resume: false, stopAfter: int.MaxValue).ModelPath!;
        ModelConfig llama = Llama(vocabulary: 260);
        WriteModel(Path.Combine(_folder, "base"), model switch
        {
            "wider" => llama with { HeadCount = 5, KeyValueHeadCount = 5 },
            "deeper" => llama with { BlockCount = 3 },
            "shallower" => llama with { BlockCount = 1 },
            _ => TinyModels.Config("neox parallel") with { VocabularySize = 260, BosId = 256, EosIds = [257] },
        });
        Recipe second = first with { Output = first.Output + "-on", Model = first.Model with { Adapter = trained }, Adapter = null };
        CamelsException refused = Assert.Throws<CamelsException>(() => Run(second, resume: false, stopAfter: int.MaxValue));
        Assert.Equal(ExitCode.BadInput, refused.Code);
        Assert.Contains(message, refused.Message, StringComparison.Ordinal);
        CamelsException asModel = Assert.Throws<CamelsException>(
            () => Run(second with { Output = first.Output + "-as-model", Model = new ModelRecipe { Path = trained } }, resume: false, stopAfter: int.MaxValue));
        Assert.Contains("give its base as model.path and this folder as model.adapter", asModel.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_says_what_of_its_data_is_left_out()
    {
        const string Record = """{"messages":[{"role":"user","content":"say"},{"role":"assistant","content":"#"}]}""";
        string[] answers = ["", new string('a', 65), new string('b', 65)];
        File.AppendAllLines(Path.Combine(_folder, "data.jsonl"), answers.Select(answer => Record.Replace("#", answer, StringComparison.Ordinal)));
        CountingWatcher watcher = new(stopAfter: 1);
        _ = Run(RecipeFor("missing", steps: 1), resume: false, watcher, Device.OpenCpu(threads: 2));
        Assert.Contains("3 of 63 records are left out: 2 longer than a row, 1 with an empty answer; see audit.json", watcher.Notes);
    }

    [Fact]
    public void A_tokenizer_larger_than_the_model_is_refused()
    {
        WriteModel(Path.Combine(_folder, "small"), Llama(vocabulary: 259));
        Recipe recipe = RecipeFor("mismatch", Steps) with { Model = new ModelRecipe { Path = Path.Combine(_folder, "small") } };
        Assert.Equal(ExitCode.BadInput, Assert.Throws<CamelsException>(() => Run(recipe, resume: false, stopAfter: 1)).Code);
    }

    [Fact]
    public void A_row_longer_than_the_context_is_refused()
    {
        Recipe recipe = RecipeFor("long", Steps);
        recipe = recipe with { Data = recipe.Data with { SequenceLength = 97 } };
        Assert.Equal(ExitCode.Usage, Assert.Throws<CamelsException>(() => Run(recipe, resume: false, stopAfter: 1)).Code);
    }

    private Recipe RecipeFor(string output, int steps) => new()
    {
        Model = new ModelRecipe { Path = Path.Combine(_folder, "base") },
        Data = new DataRecipe
        {
            Sources = [new DataSource("messages", Path.Combine(_folder, "data.jsonl"))],
            SequenceLength = 64,
            Validation = new ValidationRecipe { Fraction = 0.1, EverySteps = 5 },
        },
        Training = TinyLlama.Recipe(batchSize: 5) with { Steps = steps },
        Precision = Precision.Fp32,
        Sharding = new ShardingRecipe { Lanes = 4, LanesPerCall = 2 },
        Output = Path.Combine(_folder, output),
    };

    private static RunOutcome Run(Recipe recipe, bool resume, int stopAfter) =>
        Run(recipe, resume, new CountingWatcher(stopAfter), Device.OpenCpu(threads: 2));

    private static RunOutcome Run(Recipe recipe, bool resume, IRunWatcher watcher, Device device)
    {
        using (device)
        {
            return new FinetuneRun(recipe, device, resume, watcher).Run();
        }
    }

    private static ModelConfig Llama(int vocabulary) => TinyLlama.Config() with { VocabularySize = vocabulary, BosId = 256, EosIds = [257] };

    private static void WriteModel(string folder, ModelConfig config)
    {
        using Device device = Device.OpenCpu(threads: 1);
        using ILanguageModel model = ModelCatalog.Create(config, Precision.Fp32, device);
        ModelCatalog.Randomize(model, device.Stream, seed: 3);
        HuggingFaceFolder.Export(folder, ModelWeights.ToWrite(model, companionFolder: null), replace: true);
        ByteTokenizerWriter.Write(
            folder,
            [new ExtraToken("<s>", IsSpecial: true), new ExtraToken("</s>", IsSpecial: true), new ExtraToken("<|user|>\n", IsSpecial: false), new ExtraToken("<|assistant|>\n", IsSpecial: false)],
            "<s>", "</s>");
    }

    // Everything that a run leaves and that must not depend on how often it was stopped.
    private static Dictionary<string, string> Digests(string run)
    {
        string checkpoint = Path.Combine(run, "checkpoints", CheckpointFolders.NameOf(Steps));
        return Directory.EnumerateFiles(checkpoint, "*.safetensors", SearchOption.AllDirectories)
            .Concat(Directory.EnumerateFiles(Path.Combine(run, "model")))
            .ToDictionary(f => Path.GetRelativePath(run, f), f => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(f))));
    }

    private static List<double> Losses(string run) => Logged(run, "loss");

    private static List<double> Logged(string run, string key) =>
        [.. File.ReadLines(Path.Combine(run, "log.jsonl")).Select(line => JsonDocument.Parse(line).RootElement.GetProperty(key).GetDouble())];

    private sealed class CountingWatcher(int stopAfter) : IRunWatcher
    {
        private readonly CancellationTokenSource _stop = new();
        private int _steps;

        public CancellationToken Stop => _stop.Token;

        public List<string> Notes { get; } = [];

        public Action OnNote { get; init; } = () => { };

        public Action OnStepped { get; init; } = () => { };

        public void Note(string text)
        {
            Notes.Add(text);
            OnNote();
        }

        public void Preparing(PreparationProgress progress)
        {
            if (stopAfter == 0)
            {
                _stop.Cancel();
            }
        }

        public void Stepped(in StepResult result, long steps, double? validationLoss)
        {
            OnStepped();
            if (++_steps >= stopAfter)
            {
                _stop.Cancel();
            }
        }
    }
}
