using System.Buffers;
using System.Text;
using Camels.Engine.Tokenizers;

namespace Camels.Engine.Generation;

/// <summary>One completion in the making.</summary>
internal sealed class Sequence
{
    private readonly ITokenizer? _tokenizer;
    private readonly GenerationSettings _settings;
    private readonly byte[][] _stops;
    private readonly ArrayBufferWriter<byte> _bytes = new();
    private readonly List<int> _generated = [];
    private readonly List<float> _logProbabilities = [];
    private readonly int _contextTokens;
    private FinishReason? _finishReason;
    private string? _error;

    public Sequence(Prompt prompt, int index, int sample, ITokenizer? tokenizer, GenerationSettings settings, byte[][] stops, int contextTokens)
    {
        Prompt = prompt;
        Index = index;
        Sample = sample;
        _tokenizer = tokenizer;
        _settings = settings;
        _stops = stops;
        _contextTokens = contextTokens;
    }

    public Prompt Prompt { get; }

    /// <summary>Place of the completion in the output.</summary>
    public int Index { get; }

    public int Sample { get; }

    /// <summary>The cache slot while the sequence is active.</summary>
    public int Slot { get; set; }

    /// <summary>Tokens that the cache holds.</summary>
    public int Cached { get; set; }

    public bool IsFinished => _finishReason is not null || _error is not null;

    /// <summary>Prompt and completion together.</summary>
    public int Length => Prompt.Ids.Count + _generated.Count;

    /// <summary>Token at a position of prompt and completion.</summary>
    public int TokenAt(int position) => position < Prompt.Ids.Count ? Prompt.Ids[position] : _generated[position - Prompt.Ids.Count];

    /// <summary>Takes the next token and decides whether the completion ends.</summary>
    public void Append(int token, float logProbability)
    {
        if (token == Kernels.Ops.Sample.NoProbabilities)
        {
            _error = $"after {Length} tokens a logit is NaN or infinite; a wider --precision may hold it, verify checkpoint finds broken weights";
            return;
        }

        _logProbabilities.Add(logProbability);
        if (_settings.EosIds.Contains(token))
        {
            _finishReason = FinishReason.Eos;
            return;
        }

        _generated.Add(token);
        int before = _bytes.WrittenCount;
        _tokenizer?.AppendBytes(token, _bytes);
        if (StopsAfter(before) is not null)
        {
            _finishReason = FinishReason.Stop;
        }
        else if (_generated.Count == _settings.MaximumNewTokens || Length == _contextTokens)
        {
            _finishReason = FinishReason.Length;
        }
    }

    public Completion ToCompletion()
    {
        if (_error is not null)
        {
            return new Completion(Prompt.Id, Sample, "", [], [], FinishReason: null, _error);
        }

        string text = _finishReason == FinishReason.Stop
            ? Encoding.UTF8.GetString(_bytes.WrittenSpan[..StopsAfter(before: 0)!.Value])
            : Encoding.UTF8.GetString(_bytes.WrittenSpan);
        return new Completion(Prompt.Id, Sample, text, _generated, _logProbabilities, _finishReason, Error: null);
    }

    // The earliest place of a stop text that the bytes from `before` on complete.
    private int? StopsAfter(int before)
    {
        int? earliest = null;
        foreach (byte[] stop in _stops)
        {
            int from = Math.Max(0, before - stop.Length + 1);
            int found = _bytes.WrittenSpan[from..].IndexOf(stop);
            if (found >= 0 && (earliest is null || from + found < earliest))
            {
                earliest = from + found;
            }
        }

        return earliest;
    }
}
