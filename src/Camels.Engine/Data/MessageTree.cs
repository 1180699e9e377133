using System.Text.Json;

namespace Camels.Engine.Data;

/// <summary>Takes the conversations out of a tree of messages, in which each message has its replies.</summary>
/// <param name="input">Gives the rule, and is told of what is left out.</param>
/// <param name="read">The message at a node.</param>
/// <param name="replies">The name of a node's array of replies.</param>
internal sealed class MessageTree(DatasetInput input, Func<JsonRecord, Message> read, string replies)
{
    // As open-instruct spells them, the slip in the second included.
    private static readonly string[] _creators = ["LAION", "Open Asssistant", "OpenAssistant"];

    private readonly TreePaths _paths = input.Trees.Paths
        ?? (input.Compatibility == Compatibility.OpenInstruct2023 ? TreePaths.EveryAnswer : TreePaths.Leaves);

    /// <summary>The conversations of one tree, depth first. The depth of a tree is bounded by that of a record.</summary>
    public List<Message[]> Conversations(JsonRecord root)
    {
        List<Message[]> found = [];
        Walk(root, path: [], found);
        if (found.Count == 0)
        {
            input.LeaveOut(root.Place, "a tree without an answer to end a conversation with");
        }

        return found;
    }

    private void Walk(JsonRecord node, List<Message> path, List<Message[]> found)
    {
        Message message = read(node);
        if (ReasonToCut(node, message) is string reason)
        {
            input.LeaveOut(node.Place, reason);
            return;
        }

        path.Add(message);
        JsonRecord[] next = Replies(node);
        if (message.Role == Role.Assistant && (_paths == TreePaths.EveryAnswer || next.Length == 0))
        {
            found.Add([.. path]);
        }

        foreach (JsonRecord reply in Best(next))
        {
            Walk(reply, path, found);
        }

        path.RemoveAt(path.Count - 1);
    }

    private JsonRecord[] Replies(JsonRecord node) =>
        node.Find(replies) is null or { ValueKind: JsonValueKind.Null } ? [] : [.. node.Items(replies)];

    private string? ReasonToCut(JsonRecord node, Message message)
    {
        if (input.Trees.WithoutDeleted && node.Find("deleted") is { ValueKind: JsonValueKind.True })
        {
            return "a branch of a tree whose first message was deleted";
        }

        bool namesCreator = input.Trees.WithoutCreator
            && Array.Exists(_creators, name => message.Content.Contains(name, StringComparison.Ordinal));
        return namesCreator ? "a branch of a tree whose first message names its creator" : null;
    }

    // Equally good replies keep the order of the file.
    private JsonRecord[] Best(JsonRecord[] next)
    {
        if (input.Trees.BestReplies is not int count || next.Length <= count)
        {
            return next;
        }

        JsonRecord[] ordered = [.. next.OrderByDescending(Quality)];
        foreach (JsonRecord reply in ordered[count..])
        {
            input.LeaveOut(reply.Place, "a branch of a tree that is not among the best replies");
        }

        return ordered[..count];
    }

    private static double Quality(JsonRecord node) =>
        Inside(node, Inside(node, Inside(node, node.Element, "labels"), "quality"), "value") is { ValueKind: JsonValueKind.Number } value
            ? value.GetDouble()
            : 0;

    private static JsonElement? Inside(JsonRecord node, JsonElement? value, string name) =>
        value is { ValueKind: JsonValueKind.Object } present ? JsonRecord.Member(node.Place, present, name) : null;
}
