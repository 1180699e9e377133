using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Camels.Engine.Data;

/// <summary>Who speaks.</summary>
public enum Role
{
    /// <summary>Instructions that hold for the whole conversation; only as the first message.</summary>
    System,

    /// <summary>The person.</summary>
    User,

    /// <summary>The model; what it says is trained.</summary>
    Assistant,
}

/// <summary>One message as the dataset gives it; templates strip surrounding white space.</summary>
/// <param name="Role">Who speaks.</param>
/// <param name="Content">The text.</param>
public readonly record struct Message(Role Role, string Content);

/// <summary>Where a record stands in a data file, for error messages.</summary>
/// <param name="File">Path of the file.</param>
/// <param name="Line">Line of the record's first byte, from 1.</param>
/// <param name="Record">Number of the record in its file, from 1.</param>
public readonly record struct RecordPlace(string File, long Line, long Record)
{
    /// <summary>"data.jsonl, line 7 (record 7)".</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{File}, line {Line} (record {Record})");

    /// <summary>A bad-input error (exit code 3) about this record.</summary>
    public CamelsException Error(string message, Exception? inner = null) => CamelsException.BadInput($"{this}: {message}", inner);
}

/// <summary>One training conversation: an optional system message, then user and assistant in turn.</summary>
public sealed class Conversation
{
    /// <param name="place">Where it was read.</param>
    /// <param name="index">Number of the record in its source over all files, from 0.</param>
    /// <param name="messages">The messages in order.</param>
    /// <param name="content">What identifies the content where the messages are dressed up (instruction templates); default: the messages.</param>
    public Conversation(RecordPlace place, long index, Message[] messages, Message[]? content = null)
    {
        Place = place;
        Content = content ?? messages;
        Index = index;
        Messages = messages;
        content ??= messages;
        ContentHash = HashOf(content);
        int question = Array.FindIndex(content, message => message.Role == Role.User);
        OpeningHash = HashOf(content.AsSpan(0, question + 1));
    }

    /// <summary>Where it was read.</summary>
    public RecordPlace Place { get; }

    /// <summary>Number of the record in its source over all files, from 0.</summary>
    public long Index { get; }

    /// <summary>What the record says, whatever template dressed it; the messages themselves where none did. Duplicates are sought here.</summary>
    public Message[] Content { get; }

    /// <summary>The messages in order.</summary>
    public Message[] Messages { get; }

    /// <summary>The first 128 bits of a SHA-256 of roles and stripped contents in UTF-8: equal for duplicates, whatever template dressed them.</summary>
    public UInt128 ContentHash { get; }

    /// <summary>
    /// The same of the messages up to the user's first: equal for all paths of a tree and for all that continue each other. What begins alike
    /// shares more than its beginning: answers of one path are context and targets of another.
    /// </summary>
    public UInt128 OpeningHash { get; }

    /// <summary>True where an assistant turn has no text: such a record would teach to answer nothing.</summary>
    public bool HasEmptyAnswer => Array.Exists(Messages, message =>
        message.Role == Role.Assistant && PlainText.Strip(message.Content).IsEmpty);

    /// <summary>Throws (exit code 3) unless the messages are [system] user assistant user assistant …, with at least one assistant.</summary>
    public void CheckOrder()
    {
        if (!Array.Exists(Messages, message => message.Role == Role.Assistant))
        {
            throw Place.Error("the conversation has no assistant turn, so there is nothing to train on.");
        }

        int firstTurn = Messages[0].Role == Role.System ? 1 : 0;
        for (int i = firstTurn; i < Messages.Length; i++)
        {
            Role expected = (i - firstTurn) % 2 == 0 ? Role.User : Role.Assistant;
            if (Messages[i].Role != expected)
            {
                throw Place.Error($"message {i + 1} is from {NameOf(Messages[i].Role)}, expected {NameOf(expected)} "
                    + "(the order is an optional system message, then user and assistant in turn).");
            }
        }
    }

    /// <summary>Why messages cannot be a conversation, for datasets where such records are known to be; null where they can. A last message
    /// without an answer is no reason.</summary>
    public static string? OrderProblem(IReadOnlyList<Message> messages)
    {
        int firstTurn = messages.Count > 0 && messages[0].Role == Role.System ? 1 : 0;
        if (messages.Count == firstTurn)
        {
            return "no messages";
        }

        if (messages[firstTurn].Role != Role.User)
        {
            return "the first message is not the user's";
        }

        bool isInTurn = Enumerable.Range(firstTurn, messages.Count - firstTurn)
            .All(i => messages[i].Role == ((i - firstTurn) % 2 == 0 ? Role.User : Role.Assistant));
        return !isInTurn ? "user and assistant do not take turns" : messages.Count == firstTurn + 1 ? "no answer" : null;
    }

    /// <summary>The role as files and messages spell it: system, user or assistant.</summary>
    public static string NameOf(Role role) => role switch
    {
        Role.System => "system",
        Role.User => "user",
        _ => "assistant",
    };

    // UTF-8, which for most text is half as much to hash.
    private static UInt128 HashOf(ReadOnlySpan<Message> messages)
    {
        const int HeadBytes = 8;
        int bytes = 0;
        foreach (Message message in messages)
        {
            bytes += HeadBytes + Encoding.UTF8.GetByteCount(PlainText.Strip(message.Content));
        }

        byte[] buffer = ArrayPool<byte>.Shared.Rent(bytes);
        Span<byte> rest = buffer;
        foreach (Message message in messages)
        {
            int written = Encoding.UTF8.GetBytes(PlainText.Strip(message.Content), rest[HeadBytes..]);
            BinaryPrimitives.WriteInt32LittleEndian(rest, (int)message.Role);
            BinaryPrimitives.WriteInt32LittleEndian(rest[4..], written);
            rest = rest[(HeadBytes + written)..];
        }

        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        _ = SHA256.HashData(buffer.AsSpan(0, bytes), digest);
        ArrayPool<byte>.Shared.Return(buffer);
        return BinaryPrimitives.ReadUInt128BigEndian(digest);
    }
}
