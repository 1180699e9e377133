using System.CommandLine;
using System.Diagnostics;
using Camels.Cli.Output;
using Camels.Cli.Prompts;
using Camels.Engine;
using Camels.Engine.Checkpoints;
using Camels.Engine.Data;
using Camels.Engine.Generation;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Tokenizers;
using Camels.Kernels;
using Camels.Kernels.Interop;

namespace Camels.Cli.Verbs;

/// <summary>Continues prompts of a file with a model.</summary>
internal sealed class GenerateVerb : Verb
{
    private readonly Option<string> _model;
    private readonly Option<string?> _adapter;
    private readonly Option<string> _prompts;
    private readonly Option<string> _output;
    private readonly Option<string> _template;
    private readonly Option<int> _maximumNewTokens;
    private readonly Option<double> _temperature;
    private readonly Option<double> _topP;
    private readonly Option<int> _topK;
    private readonly Option<int> _samples;
    private readonly Option<ulong> _seed;
    private readonly Option<string[]> _stop;
    private readonly Option<int> _maximumBatchTokens;
    private readonly Option<bool> _logProbabilities;
    private readonly Option<string> _precision;
    private readonly DeviceOption _device;

    public GenerateVerb()
        : base(
            "generate",
            "Continue prompts: batched, with the same result for any batch",
            "camels generate --model runs/alpaca/model --prompts prompts.jsonl --output answers.jsonl --max-new-tokens 128 --temperature 0.7 --top-p 0.9")
    {
        GenerationSettings standard = new();
        _model = Option<string>("--model", "model folder", isRequired: true);
        _adapter = Option<string?>("--adapter", "folder of an adapter over the model");
        _prompts = Option<string>("--prompts", "JSONL with prompt or messages, and optionally id, which no two share", isRequired: true);
        _output = Option<string>("--output", "JSONL to write: id, completion, token_ids, finish_reason", isRequired: true);
        _template = Option("--template", "chat template around the prompts, or none for the text as it stands", "tulu");
        _maximumNewTokens = Option("--max-new-tokens", "most tokens of a completion", standard.MaximumNewTokens);
        _temperature = Number("--temperature", "0 takes the likeliest token", standard.Temperature);
        _topP = Number("--top-p", "draw among the likeliest tokens that together reach this probability", standard.TopP);
        _topK = Option("--top-k", "draw among so many of the likeliest tokens; 0 for all", standard.TopK);
        _samples = Option("--samples", "completions of each prompt", standard.Samples);
        _seed = Option("--seed", "seed of the draws", standard.Seed);
        _stop = Option<string[]>("--stop", "texts that end a completion and are not part of it");
        _stop.AllowMultipleArgumentsPerToken = true;
        _maximumBatchTokens = Option("--max-batch-tokens", "most tokens in the key/value cache; changes speed and memory, never a result", standard.MaximumBatchTokens);
        _logProbabilities = Option<bool>("--logprobs", "write the log-probability of every token");
        _precision = Option("--precision", "fp32, bf16 or fp16", "fp32");
        _device = new DeviceOption(Command);
    }

    protected override ExitCode Run(ParseResult arguments, Screen screen)
    {
        GenerationSettings settings = Settings(arguments);
        Precision precision = PrecisionName.Parse(arguments.GetRequiredValue(_precision));
        string folder = arguments.GetRequiredValue(_model);
        ChatTemplate? template = arguments.GetRequiredValue(_template) is string name && name != "none" ? ChatTemplate.Find(name) : null;
        string path = OutputFile.Require(arguments.GetRequiredValue(_output));
        string partial = OutputFile.Require($"{path}.partial");
        string source = arguments.GetRequiredValue(_prompts);
        if (((string[])[path, partial]).Any(written => PathFacts.Resolve(written) == PathFacts.Resolve(source)))
        {
            throw CamelsException.Usage($"--output {path} is the file of the prompts, which it would replace; name another");
        }

        ITokenizer tokenizer = TokenizerFiles.Load(folder);
        IReadOnlyList<Prompt> prompts = PromptFile.Read(source, template, tokenizer);

        using StopSignal stop = new();
        using Device device = _device.Open(arguments, screen);
        using ILanguageModel model = arguments.GetValue(_adapter) is string adapter
            ? ModelWeights.Open(folder, adapter, precision, device)
            : ModelWeights.Open(folder, precision, device);
        if (tokenizer.VocabularySize > model.Config.VocabularySize)
        {
            throw CamelsException.BadInput(
                $"{folder}: the tokenizer has {tokenizer.VocabularySize} ids, the model {model.Config.VocabularySize}: they do not belong together");
        }

        string generation = Path.Combine(arguments.GetValue(_adapter) ?? folder, HuggingFaceFolder.GenerationConfigName);
        IReadOnlyList<int> eosIds = ModelConfigFile.EosIds(generation, model.Config);
        eosIds = eosIds.Count > 0 ? eosIds : tokenizer.EosId is int eos ? [eos] : [];
        settings = settings with { EosIds = template is null ? eosIds : [.. eosIds.Union([new TemplateEncoder(template, tokenizer).EndId])] };
        using CompletionFile output = new(path, partial, arguments.GetValue(_logProbabilities), settings.Samples > 1);
        Tally tally = new();
        try
        {
            using ProgressBar bar = screen.Progress("generating", (long)prompts.Count * settings.Samples);
            new Generator(model, tokenizer, device).Generate(prompts, settings, completion =>
            {
                output.Write(completion);
                tally.Add(completion);
                bar.Report(tally.Completions, $"{Screen.Count(tally.TokensPerSecond)} tokens/s");
            }, stop.Token);
        }
        catch (OperationCanceledException)
        {
            screen.Line($"interrupted; the first {Screen.Count(tally.Completions)} completions are in {output.PartialPath}");
            return ExitCode.Interrupted;
        }

        output.Complete();
        screen.Line($"{Screen.Count(tally.Completions)} completions, {Screen.Count(tally.Tokens)} tokens, {tally.Failed} failed, in {path}");
        screen.Json(new { Output = path, tally.Completions, tally.Tokens, tally.Failed, tally.TokensPerSecond });
        return tally.Failed == 0 ? ExitCode.Done : ExitCode.BadInput;
    }

    private GenerationSettings Settings(ParseResult arguments)
    {
        void Require<T>(Option<T> option, bool holds, string expected)
        {
            if (!holds)
            {
                throw CamelsException.Usage($"{option.Name} {arguments.GetValue(option)} is out of range; expected {expected}");
            }
        }

        GenerationSettings settings = new()
        {
            MaximumNewTokens = arguments.GetValue(_maximumNewTokens),
            Temperature = arguments.GetValue(_temperature),
            TopP = arguments.GetValue(_topP),
            TopK = arguments.GetValue(_topK),
            Samples = arguments.GetValue(_samples),
            Seed = arguments.GetValue(_seed),
            Stop = arguments.GetValue(_stop) ?? [],
            MaximumBatchTokens = arguments.GetValue(_maximumBatchTokens),
        };
        Require(_maximumNewTokens, settings.MaximumNewTokens >= 1, "at least 1");
        Require(_temperature, settings.Temperature is >= 0 and <= float.MaxValue, "0 or more, as single precision holds it");
        Require(_topP, settings.TopP is > 0 and <= 1, "above 0, at most 1");
        Require(_topK, settings.TopK >= 0, "0 or more");
        Require(_samples, settings.Samples is >= 1 and <= 1_000_000, "1 to 1000000");
        Require(_maximumBatchTokens, settings.MaximumBatchTokens >= 1, "at least 1");
        return settings;
    }

    private sealed class Tally
    {
        private readonly long _started = Stopwatch.GetTimestamp();

        public long Completions { get; private set; }

        public long Tokens { get; private set; }

        public int Failed { get; private set; }

        public double TokensPerSecond => Tokens / Math.Max(1e-9, Stopwatch.GetElapsedTime(_started).TotalSeconds);

        public void Add(Completion completion)
        {
            Completions++;
            Tokens += completion.TokenIds.Count;
            Failed += completion.Error is null ? 0 : 1;
        }
    }
}
