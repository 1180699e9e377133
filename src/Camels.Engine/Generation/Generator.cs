using System.Text;
using Camels.Engine.Layers;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Engine.Tokenizers;
using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Generation;

/// <summary>
/// Continues prompts in ragged batches: no padding, a key/value cache of fixed slots, new prompts as soon as slots fall free. Every operator
/// computes a row by itself, so the tokens and log-probabilities do not depend on what else is in the batch.
/// </summary>
public sealed class Generator
{
    /// <summary>The most tokens of one pass: longer prompts go in pieces, which changes no bit.</summary>
    private const int PassTokens = 1024;

    private readonly ILanguageModel _model;
    private readonly ITokenizer? _tokenizer;
    private readonly Device _device;

    /// <param name="model">What continues; it will predict no token that the tokenizer lacks.</param>
    /// <param name="tokenizer">Turns tokens into text, or null.</param>
    /// <param name="device">Where the model lies.</param>
    public Generator(ILanguageModel model, ITokenizer? tokenizer, Device device)
    {
        _model = model;
        _tokenizer = tokenizer;
        _device = device;
        model.PredictedTokens = tokenizer?.VocabularySize ?? model.PredictedTokens;
    }

    /// <summary>Continues all prompts; <paramref name="finished"/> receives completions in the order of prompts and samples.</summary>
    public void Generate(
        IReadOnlyList<Prompt> prompts, GenerationSettings settings, Action<Completion> finished, CancellationToken cancellation = default)
    {
        byte[][] stops = [.. settings.Stop.Where(s => s.Length > 0).Select(Encoding.UTF8.GetBytes)];
        Completion?[] completions = new Completion?[checked(prompts.Count * settings.Samples)];
        Queue<Sequence> waiting = new();
        for (int i = 0; i < completions.Length; i++)
        {
            Prompt prompt = prompts[i / settings.Samples];
            int sample = i % settings.Samples;
            if (ErrorOf(prompt) is string error)
            {
                completions[i] = new Completion(prompt.Id, sample, "", [], [], FinishReason: null, error);
                continue;
            }

            waiting.Enqueue(new Sequence(prompt, i, sample, _tokenizer, settings, stops, _model.Config.MaximumPositions));
        }

        int delivered = 0;
        void Deliver()
        {
            for (; delivered < completions.Length && completions[delivered] is Completion completion; delivered++)
            {
                finished(completion);
            }
        }

        Deliver();
        if (waiting.Count == 0)
        {
            return;
        }

        int longest = waiting.Max(s => (int)Math.Min(_model.Config.MaximumPositions, (long)s.Prompt.Ids.Count + settings.MaximumNewTokens));
        int slots = Math.Clamp(settings.MaximumBatchTokens / longest, 1, Math.Min(waiting.Count, PassTokens));
        using Batch batch = new(_model, _device, slots, longest, settings);
        while (waiting.Count > 0 || batch.HasActive)
        {
            cancellation.ThrowIfCancellationRequested();
            batch.Admit(waiting);
            foreach (Sequence sequence in batch.Step())
            {
                completions[sequence.Index] = sequence.ToCompletion();
            }

            Deliver();
        }
    }

    private string? ErrorOf(Prompt prompt)
    {
        if (prompt.Ids.Count == 0)
        {
            return "the prompt has no tokens";
        }

        foreach (int id in prompt.Ids)
        {
            if ((uint)id >= (uint)_model.Config.VocabularySize)
            {
                return $"token {id} is outside the model's vocabulary of {_model.Config.VocabularySize}";
            }
        }

        return prompt.Ids.Count < _model.Config.MaximumPositions
            ? null
            : $"the prompt has {prompt.Ids.Count} tokens, the model's context is {_model.Config.MaximumPositions}";
    }

    /// <summary>The active sequences and the memory they run in.</summary>
    private sealed class Batch : IDisposable
    {
        private readonly ILanguageModel _model;
        private readonly GenerationSettings _settings;
        private readonly KvCache _cache;
        private readonly Arena _arena;
        private readonly TokenBatch _tokens;
        private readonly Pass _pass;
        private readonly Sequence?[] _active;
        private readonly Sequence[] _sampled;
        private readonly int[] _lastRows;
        private readonly int[] _drawn;
        private readonly float[] _logProbabilities;
        private readonly double[] _uniforms;

        public Batch(ILanguageModel model, Device device, int slots, int longest, GenerationSettings settings)
        {
            _model = model;
            _settings = settings;
            ModelConfig config = model.Config;
            Precision precision = model.Precision;
            int passTokens = Math.Max(slots, Math.Min(PassTokens, slots * longest));
            _cache = new KvCache(device, precision, config.BlockCount, slots, longest, config.KeyValueHeadCount * config.HeadSize);
            _arena = Arena.Allocate(device, PlanArena(model, slots, longest, passTokens), "generation");
            _tokens = new TokenBatch(device, passTokens, lanes: 1, precision.Wide);
            _pass = new Pass(device.Stream, _arena, precision, _tokens) { Cache = _cache };
            _active = new Sequence?[slots];
            _sampled = new Sequence[slots];
            _lastRows = new int[slots];
            _drawn = new int[slots];
            _logProbabilities = new float[slots];
            _uniforms = new double[slots];
            PassTokenCapacity = passTokens;
        }

        public bool HasActive => _active.AsSpan().ContainsAnyExcept((Sequence?)null);

        private int PassTokenCapacity { get; }

        public void Admit(Queue<Sequence> waiting)
        {
            for (int slot = 0; slot < _active.Length && waiting.Count > 0; slot++)
            {
                if (_active[slot] is null)
                {
                    Sequence sequence = waiting.Dequeue();
                    sequence.Slot = slot;
                    _active[slot] = sequence;
                }
            }
        }

        /// <summary>One pass: every active sequence gets its next token, or another piece of its prompt into the cache. Returns the finished.</summary>
        public List<Sequence> Step()
        {
            int sampled = FillPass();
            _tokens.Upload(_pass.Stream);
            Tensor hidden = _model.Hidden(_pass);
            if (sampled > 0)
            {
                Draw(hidden, sampled);
            }

            _arena.Rewind(mark: 0);
            List<Sequence> finished = [];
            for (int i = 0; i < sampled; i++)
            {
                Sequence sequence = _sampled[i];
                sequence.Append(_drawn[i], _logProbabilities[i]);
                if (sequence.IsFinished)
                {
                    _active[sequence.Slot] = null;
                    finished.Add(sequence);
                }
            }

            return finished;
        }

        public void Dispose()
        {
            _tokens.Dispose();
            _arena.Dispose();
            _cache.Dispose();
        }

        private static long PlanArena(ILanguageModel model, int slots, int longest, int passTokens)
        {
            using Device planning = Device.OpenPlanning();
            ModelConfig config = model.Config;
            using KvCache cache = new(planning, model.Precision, config.BlockCount, slots, longest, config.KeyValueHeadCount * config.HeadSize);
            using TokenBatch tokens = new(planning, passTokens, lanes: 1, model.Precision.Wide);
            tokens.Pretend(passTokens, trainedTokens: 0, lanes: 1);
            using Arena arena = Arena.Measure(planning, "generation");
            Pass pass = new(planning.Stream, arena, model.Precision, tokens) { Cache = cache };
            _ = model.Hidden(pass);
            _ = Head.Take(pass, model, slots);
            return arena.PeakBytes;
        }

        private int FillPass()
        {
            _tokens.Clear();
            int sampled = 0;
            int room = PassTokenCapacity;
            for (int slot = 0; slot < _active.Length && room > 0; slot++)
            {
                if (_active[slot] is not Sequence sequence)
                {
                    continue;
                }

                int count = Math.Min(room, sequence.Length - sequence.Cached);
                for (int t = 0; t < count; t++)
                {
                    _tokens.AddToken(sequence.TokenAt(sequence.Cached + t), slot, sequence.Cached + t);
                }

                sequence.Cached += count;
                room -= count;
                if (sequence.Cached == sequence.Length)
                {
                    _lastRows[sampled] = _tokens.Tokens - 1;
                    _uniforms[sampled] = UniformOf(sequence);
                    _sampled[sampled++] = sequence;
                }
            }

            return sampled;
        }

        // Below 1 also as a single, to which what is nearer to 1 would be rounded.
        private double UniformOf(Sequence sequence)
        {
            ulong stream = RandomBits.StreamOf(sequence.Prompt.Id) + (ulong)sequence.Sample;
            return Math.Min(RandomBits.Uniform(_settings.Seed, stream, (ulong)sequence.Length), MathF.BitDecrement(1));
        }

        private void Draw(Tensor hidden, int count)
        {
            DeviceStream stream = _pass.Stream;
            Head head = Head.Take(_pass, _model, count);
            HostTransfer.ToDevice<int>(stream, head.Rows, _lastRows.AsSpan(0, count));
            HostNumbers.ToDevice(stream, head.Uniforms, _uniforms.AsSpan(0, count));
            Embedding.Forward(stream, y: head.Last, ids: head.Rows, weight: hidden);    // gathering rows is what an embedding does
            _model.Logits(_pass, logits: head.Logits, hidden: head.Last);
            SampleSettings settings = new() { Temperature = _settings.Temperature, TopK = _settings.TopK, TopP = _settings.TopP };
            Sample.Forward(
                stream, tokens: head.Drawn, logProbabilities: head.LogProbabilities, logits: head.Logits, uniforms: head.Uniforms, in settings);
            HostTransfer.ToHost<int>(stream, head.Drawn, _drawn.AsSpan(0, count));
            Sample.RequireTokens(_drawn.AsSpan(0, count));
            HostNumbers.ToHost(stream, head.LogProbabilities, _logProbabilities.AsSpan(0, count));
        }

        /// <summary>What drawing S tokens needs: the same tensors whether planned or run.</summary>
        private readonly record struct Head(Tensor Rows, Tensor Last, Tensor Logits, Tensor Uniforms, Tensor Drawn, Tensor LogProbabilities)
        {
            public static Head Take(Pass pass, ILanguageModel model, int count) => new(
                Rows: pass.Arena.New(DType.I32, count), Last: pass.New(count, model.Config.EmbeddingWidth),
                Logits: pass.NewStatistic(count, model.PredictedTokens), Uniforms: pass.NewStatistic(count),
                Drawn: pass.Arena.New(DType.I32, count), LogProbabilities: pass.NewStatistic(count));
        }
    }
}
