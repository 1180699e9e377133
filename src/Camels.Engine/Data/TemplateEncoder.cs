using System.Diagnostics;
using System.Runtime.InteropServices;
using Camels.Engine.Tokenizers;

namespace Camels.Engine.Data;

/// <summary>
/// Writes conversations as ids. Markers and contents are encoded apart: no marker is ever searched for, nothing is encoded twice, and since
/// contents are encoded as plain text nobody can forge a special token in a message. Immutable and safe to share between threads.
/// </summary>
public sealed class TemplateEncoder
{
    private const int NoRole = 3;

    private readonly ITokenizer _tokenizer;
    private readonly int[][] _markers;
    private readonly int[] _start;
    private readonly int _eosId;

    /// <param name="template">How a conversation is written.</param>
    /// <param name="tokenizer">Needs an EOS, and a BOS where it puts one before documents: else exit code 3.</param>
    public TemplateEncoder(ChatTemplate template, ITokenizer tokenizer)
    {
        _tokenizer = tokenizer;
        _eosId = tokenizer.EosId
            ?? throw CamelsException.BadInput($"the tokenizer has no EOS token, which template {template.Name} needs to end an answer.");
        _start = DocumentStart(tokenizer);
        _markers = new int[(NoRole + 1) * NoRole][];
        for (int previous = 0; previous <= NoRole; previous++)
        {
            string after = previous == NoRole ? "" : template.FrameOf((Role)previous).After;
            for (int next = 0; next < NoRole; next++)
            {
                List<int> ids = [];
                tokenizer.Encode(after + template.FrameOf((Role)next).Before, ids, isStart: previous == NoRole, parseSpecial: true);
                _markers[(previous * NoRole) + next] = [.. ids];
            }
        }
    }

    /// <summary>Appends the prompt that an assistant's answer follows: BOS if the tokenizer has it, the messages, the assistant's marker.</summary>
    /// <param name="messages">[system] user, assistant … user; another order is exit code 3.</param>
    /// <param name="ids">Receives the ids: exactly those that stand before the answer in training.</param>
    public void EncodePrompt(ReadOnlySpan<Message> messages, List<int> ids)
    {
        int firstTurn = messages.Length > 0 && messages[0].Role == Role.System ? 1 : 0;
        for (int i = firstTurn; i < messages.Length; i++)
        {
            if (messages[i].Role != ((i - firstTurn) % 2 == 0 ? Role.User : Role.Assistant))
            {
                throw CamelsException.BadInput($"prompt: message {i + 1} is from {Conversation.NameOf(messages[i].Role)}, out of turn.");
            }
        }

        if (messages.IsEmpty || messages[^1].Role != Role.User)
        {
            throw CamelsException.BadInput("prompt: the last message must be the user's.");
        }

        EncodedDocuments history = new();
        Encode(messages, history);
        ids.AddRange(history.Ids(0));
        ids.AddRange(Marker((int)Role.User, Role.Assistant));
    }

    /// <summary>
    /// Appends a prompt without a template: BOS if the tokenizer has it, then the text as the user wrote it, special tokens included; a BOS
    /// written in the text is not doubled.
    /// </summary>
    public static void EncodeText(ITokenizer tokenizer, string text, List<int> ids)
    {
        List<int> textIds = [];
        tokenizer.Encode(text, textIds, isStart: true, parseSpecial: true);
        if (textIds.Count == 0 || textIds[0] != tokenizer.BosId)
        {
            ids.AddRange(DocumentStart(tokenizer));
        }

        ids.AddRange(textIds);
    }

    /// <summary>Appends the whole conversation as one document.</summary>
    public void Encode(ReadOnlySpan<Message> messages, EncodedDocuments target)
    {
        EncodedMessages encoded = new();
        EncodeMessages(messages, encoded);
        int firstTurn = messages[0].Role == Role.System ? 1 : 0;
        AppendDocument(encoded, firstTurn, messages.Length, target);
    }

    /// <summary>Encodes every content once; documents are then put together from any range of turns.</summary>
    internal void EncodeMessages(ReadOnlySpan<Message> messages, EncodedMessages target)
    {
        target.Clear();
        foreach (Message message in messages)
        {
            EncodeContent(message, target.Ids);
            target.Add(message.Role);
        }
    }

    /// <summary>Tokens of a document before its first turn: BOS and the system message.</summary>
    internal int StartTokens(EncodedMessages messages) =>
        _start.Length + (messages.StartsWithSystem ? Marker(NoRole, Role.System).Length + messages.Content(0).Length : 0);

    /// <summary>Tokens of the turn pair at <paramref name="user"/>, first in its document or after another.</summary>
    internal int PairTokens(EncodedMessages messages, int user, bool isFirst)
    {
        int previous = !isFirst ? (int)Role.Assistant : messages.StartsWithSystem ? (int)Role.System : NoRole;
        return Marker(previous, Role.User).Length + messages.Content(user).Length
            + Marker((int)Role.User, Role.Assistant).Length + messages.Content(user + 1).Length + 1;
    }

    /// <summary>Appends one document: BOS, the system message if there is one, and the messages first…end−1 (user first).</summary>
    internal void AppendDocument(EncodedMessages messages, int first, int end, EncodedDocuments target)
    {
        target.Begin();
        target.Add(_start, trained: false);
        int previous = messages.StartsWithSystem ? Append(messages, message: 0, NoRole, target) : NoRole;
        for (int i = first; i < end; i++)
        {
            previous = Append(messages, i, previous, target);
        }

        target.End();
    }

    private int Append(EncodedMessages messages, int message, int previous, EncodedDocuments target)
    {
        Role role = messages.RoleOf(message);
        bool isAssistant = role == Role.Assistant;
        target.Add(Marker(previous, role), trained: false);
        int start = target.DocumentTokens;
        target.Add(messages.Content(message), trained: isAssistant);
        if (isAssistant)
        {
            target.Add([_eosId], trained: true);
        }

        target.AddTurn(new Turn(start, target.DocumentTokens, role));
        return (int)role;
    }

    private void EncodeContent(Message message, List<int> ids) =>
        _tokenizer.Encode(PlainText.Strip(message.Content), ids, isStart: false, parseSpecial: false);

    private int[] Marker(int previous, Role next) => _markers[(previous * NoRole) + (int)next];

    private static int[] DocumentStart(ITokenizer tokenizer) => tokenizer switch
    {
        { AddsBos: false } => [],
        { BosId: int bosId } => [bosId],
        _ => throw CamelsException.BadInput("the tokenizer is set to add a BOS token but has none."),
    };
}

/// <summary>The encoded contents of one conversation's messages; reused from conversation to conversation.</summary>
internal sealed class EncodedMessages
{
    private readonly List<(Role Role, int End)> _messages = [];

    public List<int> Ids { get; } = [];

    public int Count => _messages.Count;

    public bool StartsWithSystem => _messages[0].Role == Role.System;

    public Role RoleOf(int message) => _messages[message].Role;

    public ReadOnlySpan<int> Content(int message)
    {
        int start = message == 0 ? 0 : _messages[message - 1].End;
        return CollectionsMarshal.AsSpan(Ids)[start.._messages[message].End];
    }

    public void Clear()
    {
        EncodedDocuments.ClearBounded(Ids);
        _messages.Clear();
    }

    public void Add(Role role) => _messages.Add((role, Ids.Count));
}

/// <summary>Documents one after another: ids, trained flags, turns. Reused from conversation to conversation.</summary>
public sealed class EncodedDocuments
{
    private readonly List<int> _ids = [];
    private readonly List<byte> _trained = [];
    private readonly List<Turn> _turns = [];
    private readonly List<(int Ids, int Turns)> _ends = [];
    private (int Ids, int Turns) _begin;

    /// <summary>Number of documents.</summary>
    public int Count => _ends.Count;

    /// <summary>Tokens of all documents.</summary>
    public int Tokens => _ids.Count;

    /// <summary>Tokens of the document that was begun last.</summary>
    internal int DocumentTokens => _ids.Count - _begin.Ids;

    /// <summary>The tokens of a document.</summary>
    public ReadOnlySpan<int> Ids(int document) => CollectionsMarshal.AsSpan(_ids)[StartOf(document).Ids.._ends[document].Ids];

    /// <summary>1 where the token is trained as a target.</summary>
    public ReadOnlySpan<byte> Trained(int document) => CollectionsMarshal.AsSpan(_trained)[StartOf(document).Ids.._ends[document].Ids];

    /// <summary>The turns of a document, counted in tokens from its start.</summary>
    public ReadOnlySpan<Turn> Turns(int document) => CollectionsMarshal.AsSpan(_turns)[StartOf(document).Turns.._ends[document].Turns];

    internal void Clear()
    {
        ClearBounded(_ids);
        ClearBounded(_trained);
        ClearBounded(_turns);
        ClearBounded(_ends);
    }

    // One very long conversation must not stay allocated in every encoder that met one.
    internal static void ClearBounded<T>(List<T> list)
    {
        const int MostKept = 1 << 14;
        list.Clear();
        list.Capacity = Math.Min(list.Capacity, MostKept);
    }

    internal void Begin() => _begin = (_ids.Count, _turns.Count);

    internal void Add(ReadOnlySpan<int> ids, bool trained)
    {
        _ids.AddRange(ids);
        CollectionsMarshal.SetCount(_trained, _ids.Count);
        CollectionsMarshal.AsSpan(_trained)[^ids.Length..].Fill(trained ? (byte)1 : (byte)0);
    }

    internal void AddTurn(Turn turn) => _turns.Add(turn);

    internal void End()
    {
        Debug.Assert(_trained.Count == _ids.Count);
        _ends.Add((_ids.Count, _turns.Count));
    }

    private (int Ids, int Turns) StartOf(int document) => document == 0 ? (0, 0) : _ends[document - 1];
}
