using System.CommandLine;
using System.Diagnostics;
using Camels.Cli.Measurements;
using Camels.Cli.Output;
using Camels.Engine;
using Camels.Engine.Generation;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Training;
using Camels.Kernels;

namespace Camels.Cli.Verbs;

/// <summary>Measures generation on random weights: prompts into the cache, then one token after another.</summary>
internal sealed class BenchGenerateVerb : Verb
{
    private const int WarmUpRounds = 2;
    private const int Rounds = 5;

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

        if (batch * ((long)promptTokens + newTokens + 1) > int.MaxValue)
        {
            throw CamelsException.Usage($"--batch {batch} of {promptTokens} --prompt-tokens and {newTokens} --new-tokens are more than 2^31 tokens; take fewer");
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

        Func<int, double> seconds = tokens => Seconds(generator, prompts, tokens, cacheTokens);
        CpuPeak peak = CpuPeak.Of(precision);
        GenerationRound[] rounds = [.. Enumerable.Range(-WarmUpRounds, WarmUpRounds + Rounds).Select(_ => Measure(device, peak, seconds, newTokens)).Skip(WarmUpRounds)];
        double prefill = batch * promptTokens / Median(rounds, round => round.PromptSeconds);
        double decode = batch / Median(rounds, round => round.StepSeconds);
        double promptFlops = batch * promptTokens * ModelFlops.PerPromptToken(config, promptTokens);
        double stepBytes = precision.Compute.Bytes() * ModelFlops.ElementsReadPerStep(config, batch, promptTokens + (newTokens / 2.0));
        double flopsShare = Median(rounds, round => promptFlops / round.PromptSeconds / round.FlopsPerSecond);
        double readShare = Median(rounds, round => stepBytes / round.StepSeconds / round.ReadBytesPerSecond);
        screen.Table(
            ["generation", "measured>"],
            [
                ["shape, prompts, precision", $"{shape}, {batch} of {promptTokens} tokens, {precision.Name}"],
                ["prompt tokens/s", Screen.Count(prefill)],
                [$"of the peak of {peak.Source}", $"{Screen.Fixed(100 * flopsShare, 1)} %"],
                ["new tokens/s", Screen.Count(decode)],
                ["of the speed of reading memory", $"{Screen.Fixed(100 * readShare, 1)} %"],
            ]);
        screen.Json(new
        {
            Shape = shape,
            Batch = batch,
            PromptTokens = promptTokens,
            NewTokens = newTokens,
            Precision = precision.Name,
            PrefillTokensPerSecond = prefill,
            PrefillShareOfPeak = flopsShare,
            PeakSource = peak.Source,
            DecodeTokensPerSecond = decode,
            DecodeShareOfReadBandwidth = readShare,
            ReadBytesPerSecond = Median(rounds, round => round.ReadBytesPerSecond),
            Threads = device.Workers?.Count ?? 1,
            Device = Machine.Describe(device),
            Build.Commit,
        });
        return ExitCode.Done;
    }

    // Ceilings are taken beside each run, because the clock and the memory of a shared machine are not the same a second later.
    private static GenerationRound Measure(Device device, CpuPeak peak, Func<int, double> seconds, int newTokens)
    {
        double flops = device.Workers is null ? double.NaN : peak.FlopsPerSecond(device.Workers);
        double prompt = seconds(1);
        double read = device.Workers is null ? double.NaN : CpuCeiling.ReadBytesPerSecond(device);
        return new GenerationRound(flops, prompt, read, (seconds(newTokens + 1) - prompt) / newTokens);
    }

    private static double Seconds(Generator generator, Prompt[] prompts, int newTokens, int cacheTokens)
    {
        GenerationSettings settings = new() { MaximumNewTokens = newTokens, MaximumBatchTokens = cacheTokens };
        long started = Stopwatch.GetTimestamp();
        generator.Generate(prompts, settings, _ => { });
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static double Median(GenerationRound[] rounds, Func<GenerationRound, double> value) =>
        new Sample([.. rounds.Select(value)]).Median;

    private sealed record GenerationRound(double FlopsPerSecond, double PromptSeconds, double ReadBytesPerSecond, double StepSeconds);
}
