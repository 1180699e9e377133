using System.Buffers;
using Camels.Engine.Tokenizers;

namespace Camels.Engine.Data;

/// <summary>
/// Writes conversations as ids. Markers and contents are encoded apart: no marker is ever searched for, nothing is encoded twice, and since
/// contents are encoded as plain text nobody can forge a special token in a message. Immutable and safe to share between threads.
/// </summary>
public sealed class TemplateEncoder
{
    private readonly ITokenizer _tokenizer;
    private readonly TemplateMarkers _markers;
    private readonly int _trainedAfterAnswer;

    /// <param name="template">How a conversation is written.</param>
    /// <param name="tokenizer">Needs an EOS, and a BOS where it puts one before documents: else exit code 3.</param>
    /// <param name="compatibility">Whose masks: open-instruct's of 2023 cover the line feed after every answer but the last.</param>
    public TemplateEncoder(ChatTemplate template, ITokenizer tokenizer, Compatibility compatibility = Compatibility.None)
    {
        Template = template;
        _tokenizer = tokenizer;
        _markers = new TemplateMarkers(template, tokenizer);
        _trainedAfterAnswer = compatibility == Compatibility.OpenInstruct2023 ? _markers.AfterAnswerTokens : 0;
    }

    /// <summary>How a conversation is written.</summary>
    public ChatTemplate Template { get; }

    /// <summary>The id that ends every answer: a generation stops at it.</summary>
    public int EndId => _markers.EndId;

    /// <summary>The BOS ids in the template's own markers.</summary>
    public TemplateBos Bos => _markers.Bos;

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
        ids.AddRange(_markers.Answer.Ids);
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
            ids.AddRange(TemplateMarkers.DocumentStart(tokenizer));
        }

        ids.AddRange(textIds);
    }

    /// <summary>Appends the whole conversation as one document.</summary>
    public void Encode(ReadOnlySpan<Message> messages, EncodedDocuments target)
    {
        EncodedMessages encoded = new();
        EncodeMessages(messages, encoded);
        AppendDocument(encoded, encoded.StartsWithSystem ? 1 : 0, messages.Length, target);
    }

    /// <summary>Encodes every content once; documents are then put together from any range of turns.</summary>
    internal void EncodeMessages(ReadOnlySpan<Message> messages, EncodedMessages target)
    {
        target.Clear();
        bool hasSystem = messages[0].Role == Role.System;
        TemplateMarker first = FirstUser(hasSystem);
        for (int i = 0; i < messages.Length; i++)
        {
            Range content = EncodeContent(messages[i], MarkerOf(messages[i].Role), target.Ids);
            bool needsBoth = messages[i].Role == Role.User && (first.Lead, first.IsStart) != (_markers.UserAfterAnswer.Lead, false);
            target.Add(messages[i].Role, content, needsBoth ? EncodeContent(messages[i], first, target.Ids) : content);
        }
    }

    /// <summary>Tokens of a document before its first turn: BOS and the system message.</summary>
    internal int StartTokens(EncodedMessages messages) => _markers.Start.Length
        + (messages.StartsWithSystem ? _markers.System.Ids.Length + messages.Content(0, isFirst: false).Length : 0);

    /// <summary>Tokens of the turn pair at <paramref name="user"/>, first in its document or after another.</summary>
    internal int PairTokens(EncodedMessages messages, int user, bool isFirst) =>
        PairMarkerTokens(messages, isFirst) + messages.Content(user, isFirst).Length + messages.Content(user + 1, isFirst: false).Length;

    /// <summary>Of these, what is neither the user's content nor the answer's: markers and end.</summary>
    internal int PairMarkerTokens(EncodedMessages messages, bool isFirst) =>
        (isFirst ? FirstUser(messages.StartsWithSystem) : _markers.UserAfterAnswer).Ids.Length + _markers.Answer.Ids.Length + 1;

    /// <summary>Appends one document: BOS, the system message if there is one, and the messages first…end−1 (user first).</summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="first">A user's message.</param>
    /// <param name="end">One past the last message.</param>
    /// <param name="target">Receives the document.</param>
    /// <param name="mostUserTokens">The first message's content is cut after so many tokens.</param>
    internal void AppendDocument(EncodedMessages messages, int first, int end, EncodedDocuments target, int mostUserTokens = int.MaxValue)
    {
        Begin(messages, first, end, target, mostUserTokens);
        target.End();
    }

    /// <summary>Appends all messages as one document that is cut after <paramref name="mostTokens"/>, wherever that is.</summary>
    internal void AppendCut(EncodedMessages messages, int mostTokens, EncodedDocuments target)
    {
        Begin(messages, messages.StartsWithSystem ? 1 : 0, messages.Count, target, int.MaxValue);
        target.EndAt(mostTokens);
    }

    private void Begin(EncodedMessages messages, int first, int end, EncodedDocuments target, int mostUserTokens)
    {
        target.Begin();
        target.Add(_markers.Start, trained: false);
        if (messages.StartsWithSystem)
        {
            target.Add(_markers.System.Ids, trained: false);
            AddContent(messages.Content(0, isFirst: false), Role.System, target);
        }

        for (int i = first; i < end; i++)
        {
            Role role = messages.RoleOf(i);
            if (role == Role.User && i > first)
            {
                target.Add(_markers.UserAfterAnswer.Ids.AsSpan(0, _trainedAfterAnswer), trained: true);
                target.Add(_markers.UserAfterAnswer.Ids.AsSpan(_trainedAfterAnswer), trained: false);
            }
            else
            {
                target.Add((role == Role.User ? FirstUser(messages.StartsWithSystem) : _markers.Answer).Ids, trained: false);
            }

            ReadOnlySpan<int> content = messages.Content(i, isFirst: i == first);
            AddContent(i == first ? content[..Math.Min(content.Length, mostUserTokens)] : content, role, target);
        }
    }

    private void AddContent(ReadOnlySpan<int> content, Role role, EncodedDocuments target)
    {
        int start = target.DocumentTokens;
        target.Add(content, trained: role == Role.Assistant);
        if (role == Role.Assistant)
        {
            target.Add([_markers.EndId], trained: true);
        }

        target.AddTurn(new Turn(start, target.DocumentTokens, role));
    }

    private TemplateMarker FirstUser(bool hasSystem) => hasSystem ? _markers.UserAfterSystem : _markers.FirstUser;

    private TemplateMarker MarkerOf(Role role) => role switch
    {
        Role.System => _markers.System,
        Role.User => _markers.UserAfterAnswer,
        _ => _markers.Answer,
    };

    private Range EncodeContent(Message message, TemplateMarker marker, List<int> ids)
    {
        int start = ids.Count;
        ReadOnlySpan<char> content = PlainText.Strip(message.Content);
        string tail = message.Role == Role.Assistant ? _markers.AnswerTail : "";
        if (marker.Lead.Length + tail.Length == 0)
        {
            _tokenizer.Encode(content, ids, marker.IsStart, parseSpecial: false);
            return start..ids.Count;
        }

        char[] text = ArrayPool<char>.Shared.Rent(marker.Lead.Length + content.Length + tail.Length);
        marker.Lead.CopyTo(text);
        content.CopyTo(text.AsSpan(marker.Lead.Length));
        tail.CopyTo(text.AsSpan(marker.Lead.Length + content.Length));
        _tokenizer.Encode(text.AsSpan(0, marker.Lead.Length + content.Length + tail.Length), ids, marker.IsStart, parseSpecial: false);
        ArrayPool<char>.Shared.Return(text);
        return start..ids.Count;
    }
}
