using System.Runtime.InteropServices;
using Camels.Engine.Tokenizers;

namespace Camels.Engine.Data;

/// <summary>What stands between two contents, as ids.</summary>
/// <param name="Ids">The ids; special tokens are parsed.</param>
/// <param name="Lead">
/// The space at the marker's end. It is encoded with the content that follows, because tokenizers keep a space with its word.
/// </param>
/// <param name="IsStart">True where nothing but BOS stands before the content that follows.</param>
internal readonly record struct TemplateMarker(int[] Ids, string Lead, bool IsStart);

/// <summary>A template's markers for one tokenizer. Immutable.</summary>
internal sealed class TemplateMarkers
{
    private readonly ITokenizer _tokenizer;
    private readonly bool _restarts;

    public TemplateMarkers(ChatTemplate template, ITokenizer tokenizer)
    {
        _tokenizer = tokenizer;
        Start = DocumentStart(tokenizer);
        int? endToken = template.EndToken is string text ? SpecialId(tokenizer, text) : null;
        EndText = endToken is null ? template.EndToken ?? "" : "";
        EndId = endToken ?? tokenizer.EosId
            ?? throw CamelsException.BadInput($"the tokenizer has no EOS token, which template {template.Name} needs to end an answer.");
        AnswerTail = template.AnswerTail + EndText;
        _restarts = Restarts();

        MessageFrame system = template.FrameOf(Role.System);
        MessageFrame assistant = template.FrameOf(Role.Assistant);
        MessageFrame afterSystem = template.UserFrame(Role.System);
        MessageFrame afterAnswer = template.UserFrame(Role.Assistant);
        string opening = template.DefaultSystem is string preamble
            ? system.Before + preamble + system.After + afterSystem.Before
            : template.UserFrame(previous: null).Before;
        System = Compile(system.Before, isStart: true);
        FirstUser = Compile(opening, isStart: true);
        UserAfterSystem = Compile(system.After + afterSystem.Before, isStart: false);
        UserAfterAnswer = Compile(assistant.After + afterAnswer.Before, isStart: _restarts);
        string afterFirst = template.DefaultSystem is null ? template.UserFrame(previous: null).After : afterSystem.After;
        if (afterFirst != afterSystem.After || afterFirst != afterAnswer.After)
        {
            throw CamelsException.BadInput($"template {template.Name}: what follows a user's content must be the same wherever the message stands.");
        }

        Answer = Compile(afterFirst + assistant.Before, isStart: false);
        AfterAnswerTokens = Compile(assistant.After, isStart: _restarts).Ids.Length;
    }

    /// <summary>BOS, where the tokenizer puts one before documents.</summary>
    public int[] Start { get; }

    /// <summary>Before a system message.</summary>
    public TemplateMarker System { get; }

    /// <summary>Before the first user's message where there is no system message.</summary>
    public TemplateMarker FirstUser { get; }

    /// <summary>Between the system message and the first user's.</summary>
    public TemplateMarker UserAfterSystem { get; }

    /// <summary>Between an answer's end and the next user's message.</summary>
    public TemplateMarker UserAfterAnswer { get; }

    /// <summary>Between a user's message and the answer.</summary>
    public TemplateMarker Answer { get; }

    /// <summary>Text that ends an answer's content, before the end token.</summary>
    public string AnswerTail { get; }

    /// <summary>The end token's spelling where the tokenizer has no such token, else empty.</summary>
    public string EndText { get; }

    /// <summary>The id that ends an answer.</summary>
    public int EndId { get; }

    /// <summary>How many tokens of <see cref="UserAfterAnswer"/> belong to the answer's frame.</summary>
    public int AfterAnswerTokens { get; }

    /// <summary>How many BOS ids the markers of a document's first pair hold, and those of each later pair.</summary>
    public TemplateBos Bos => new(
        CountBos(FirstUser) + CountBos(Answer),
        CountBos(System) + CountBos(UserAfterSystem) + CountBos(Answer),
        CountBos(UserAfterAnswer) + CountBos(Answer));

    /// <summary>BOS where the tokenizer adds it.</summary>
    public static int[] DocumentStart(ITokenizer tokenizer) => tokenizer switch
    {
        { AddsBos: false } => [],
        { BosId: int bosId } => [bosId],
        _ => throw CamelsException.BadInput("the tokenizer is set to add a BOS token but has none."),
    };

    /// <summary>The id of a token that is spelled so, or null.</summary>
    public static int? SpecialId(ITokenizer tokenizer, string text)
    {
        List<int> ids = [];
        tokenizer.Encode(text, ids, isStart: false, parseSpecial: true);
        return ids.Count == 1 && tokenizer.PieceText(ids[0]) == text ? ids[0] : null;
    }

    private int CountBos(TemplateMarker marker) => _tokenizer.BosId is int bosId ? marker.Ids.AsSpan().Count(bosId) : 0;

    // Byte-level tokenizers keep white space at the end of a text together, but take its last character apart before a word.
    private void EncodeBefore(string word, string text, List<int> ids, bool isStart)
    {
        List<int> both = [];
        List<int> last = [];
        _tokenizer.Encode(text + word, both, isStart, parseSpecial: true);
        _tokenizer.Encode(word, last, isStart: false, parseSpecial: true);
        if (char.IsWhiteSpace(text[^1]) && CollectionsMarshal.AsSpan(both).EndsWith(CollectionsMarshal.AsSpan(last)))
        {
            ids.AddRange(both[..^last.Count]);
            return;
        }

        _tokenizer.Encode(text, ids, isStart, parseSpecial: true);
    }

    private TemplateMarker Compile(string text, bool isStart)
    {
        string lead = text.EndsWith(' ') ? " " : "";
        text = text[..^lead.Length];
        List<int> ids = [];
        while (text.Length > 0)
        {
            int bos = IndexOrEnd(text, ChatTemplate.Bos);
            int eos = IndexOrEnd(text, ChatTemplate.Eos);
            int end = Math.Min(bos, eos);
            string plain = end == eos && eos < text.Length ? text[..end] + EndText : text[..end];
            if (end == text.Length)
            {
                EncodeBefore(lead + "a", plain, ids, isStart);
                break;
            }

            _tokenizer.Encode(plain, ids, isStart && (end > 0), parseSpecial: true);
            ids.AddRange(end == bos ? Start : [EndId]);
            isStart = end == bos ? Start.Length > 0 : _restarts;
            text = text[(end + (end == bos ? ChatTemplate.Bos.Length : ChatTemplate.Eos.Length))..];
        }

        return new TemplateMarker([.. ids], lead, isStart && ids.Count == 0);
    }

    // Whether text after the token that ends an answer begins as a document does: so transformers' LlamaTokenizer has it with legacy on.
    private bool Restarts()
    {
        const string Probe = "x";
        List<int> started = [EndId];
        _tokenizer.Encode(Probe, started, isStart: true, parseSpecial: false);
        List<int> whole = [];
        _tokenizer.Encode(_tokenizer.PieceText(EndId) + Probe, whole, isStart: true, parseSpecial: true);
        return whole.SequenceEqual(started);
    }

    private static int IndexOrEnd(string text, string part)
    {
        int index = text.IndexOf(part, StringComparison.Ordinal);
        return index < 0 ? text.Length : index;
    }
}

/// <summary>How many BOS ids a template's own markers hold, beside the one that the tokenizer puts before a document.</summary>
/// <param name="FirstPair">In the first turn pair of a document without a system message.</param>
/// <param name="FirstPairWithSystem">In the first turn pair and the system message.</param>
/// <param name="LaterPair">In each later pair.</param>
public sealed record TemplateBos(int FirstPair, int FirstPairWithSystem, int LaterPair);
