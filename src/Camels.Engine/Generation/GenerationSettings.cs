namespace Camels.Engine.Generation;

/// <summary>How to continue prompts.</summary>
public sealed record GenerationSettings
{
    /// <summary>The most tokens of a completion.</summary>
    public int MaximumNewTokens { get; init; } = 256;

    /// <summary>0 takes the likeliest token; above, logits are divided by it and a token is drawn.</summary>
    public double Temperature { get; init; }

    /// <summary>Draw among this many of the likeliest tokens; 0 for all.</summary>
    public int TopK { get; init; }

    /// <summary>Draw among the likeliest tokens that together reach this probability.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Completions of each prompt.</summary>
    public int Samples { get; init; } = 1;

    /// <summary>Every draw is a function of seed, prompt id, sample and position alone.</summary>
    public ulong Seed { get; init; }

    /// <summary>Texts that end a completion; they are not part of it.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>Token ids that end a completion.</summary>
    public IReadOnlyList<int> EosIds { get; init; } = [];

    /// <summary>The most tokens that the key/value cache holds at once; it decides speed and memory, never a result.</summary>
    public int MaximumBatchTokens { get; init; } = 16384;
}

/// <summary>A prompt as token ids.</summary>
/// <param name="Id">The user's name for it.</param>
/// <param name="Ids">Its tokens, BOS included where the model wants one.</param>
public sealed record Prompt(string Id, IReadOnlyList<int> Ids);

/// <summary>Why a completion ended.</summary>
public enum FinishReason
{
    /// <summary>The model gave an end-of-sequence token.</summary>
    Eos,

    /// <summary>A stop text appeared.</summary>
    Stop,

    /// <summary>The limit of tokens or the model's context was reached.</summary>
    Length,
}

/// <summary>A continued prompt.</summary>
/// <param name="Id">The prompt's.</param>
/// <param name="Sample">Number of the sample, from 0.</param>
/// <param name="Text">What the model added, without EOS and without the stop text.</param>
/// <param name="TokenIds">The tokens it gave, without EOS.</param>
/// <param name="LogProbabilities">Of those tokens and, where it ended so, of EOS; natural logarithms of the untempered softmax.</param>
/// <param name="FinishReason">Why it ended; null where it failed.</param>
/// <param name="Error">What went wrong with this prompt, or null.</param>
public sealed record Completion(
    string Id, int Sample, string Text, IReadOnlyList<int> TokenIds, IReadOnlyList<float> LogProbabilities, FinishReason? FinishReason, string? Error);
