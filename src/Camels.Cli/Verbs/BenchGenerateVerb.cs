using System.CommandLine;
using System.Diagnostics;
using Camels.Cli.Measurements;
using Camels.Cli.Output;
using Camels.Engine;
using Camels.Engine.Generation;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Kernels;

namespace Camels.Cli.Verbs;

/// <summary>Measures generation on random weights: prompts into the cache, then one token after another.</summary>
internal sealed class BenchGenerateVerb : Verb
{
    private const int Rounds = 3;

    private readonly Option<string> _shape;
    private readonly Option<int> _promptTokens;
    private readonly Option<int> _newTokens;
    private readonly Option<int> _batch;
    private readonly Option<string> _precision;
    private readonly DeviceOption _device;

    public BenchGenerateVerb()
        : base(
            "generate",
            "Measure generation of a shape: prompt tokens and new tokens a second",
            "camels bench generate --shape llama-110m --prompt-tokens 128 --new-tokens 64 --batch 8 --precision fp32")
    {
        _shape = Option<string>("--shape", ModelShapes.Names, isRequired: true);
        _promptTokens = Option("--prompt-tokens", "tokens of each prompt", 128);
        _newTokens = Option("--new-tokens", "tokens generated for each", 64);
        _batch = Option("--batch", "prompts at once", 8);
        _precision = Option("--precision", "fp32, bf16 or fp16", "fp32");
        _device = new DeviceOption(Command);
    }

    protected override ExitCode Run(ParseResult arguments, Screen screen)
    {
        int promptTokens = arguments.GetValue(_promptTokens);
        int newTokens = arguments.GetValue(_newTokens);
        int batch = arguments.GetValue(_batch);
        if (promptTokens < 1 || newTokens < 1 || batch < 1)
        {
            throw CamelsException.Usage("--prompt-tokens, --new-tokens and --batch must be at least 1");
        }

        string shape = arguments.GetRequiredValue(_shape);
        Precision precision = PrecisionName.Parse(arguments.GetRequiredValue(_precision));
        ModelConfig config = ModelShapes.Find(shape, promptTokens + newTokens + 1);
        using Device device = _device.Open(arguments, screen);
        using ILanguageModel model = ModelCatalog.Create(config, precision, device);
        ModelCatalog.Randomize(model, device.Stream, seed: 42);
        Random random = new(42);
        Prompt[] prompts = [.. Enumerable.Range(0, batch).Select(index =>
            new Prompt($"{index}", [.. Enumerable.Range(0, promptTokens).Select(_ => random.Next(config.VocabularySize))]))];
        Generator generator = new(model, tokenizer: null, device);
        int cacheTokens = batch * (promptTokens + newTokens + 1);

        double first = BestSeconds(generator, prompts, newTokens: 1, cacheTokens);
        double all = BestSeconds(generator, prompts, newTokens + 1, cacheTokens);
        double prefill = batch * promptTokens / first;
        double decode = batch * newTokens / (all - first);
        screen.Table(
            ["generation", "measured>"],
            [
                ["shape, prompts, precision", $"{shape}, {batch} of {promptTokens} tokens, {precision.Name}"],
                ["prompt tokens/s", Screen.Count(prefill)],
                ["new tokens/s", Screen.Count(decode)],
            ]);
        screen.Json(new
        {
            Shape = shape,
            Batch = batch,
            PromptTokens = promptTokens,
            NewTokens = newTokens,
            Precision = precision.Name,
            PrefillTokensPerSecond = prefill,
            DecodeTokensPerSecond = decode,
            Threads = device.Workers?.Count ?? 1,
            Device = Machine.Describe(device),
            Build.Commit,
        });
        return ExitCode.Done;
    }

    private static double BestSeconds(Generator generator, Prompt[] prompts, int newTokens, int cacheTokens)
    {
        GenerationSettings settings = new() { MaximumNewTokens = newTokens, MaximumBatchTokens = cacheTokens };
        double best = double.PositiveInfinity;
        for (int round = 0; round < Rounds; round++)
        {
            long started = Stopwatch.GetTimestamp();
            generator.Generate(prompts, settings, _ => { });
            best = Math.Min(best, Stopwatch.GetElapsedTime(started).TotalSeconds);
        }

        return best;
    }
}
