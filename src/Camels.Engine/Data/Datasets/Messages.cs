using System.Text.Json;

namespace Camels.Engine.Data.Datasets;

/// <summary>
/// Chat records: {"messages": [{"role": "user", "content": "…"}, …]}, roles system, user and assistant. An answer may have a weight of 1;
/// other columns are ignored.
/// </summary>
internal static class Messages
{
    public static IEnumerable<Conversation> Read(DatasetInput input)
    {
        foreach (JsonRecord record in JsonRecords.Read(input))
        {
            Message[] messages = [.. record.Items("messages").Select(MessageOf)];
            yield return new Conversation(record.Place, record.Index, messages);
        }
    }

    private static Message MessageOf(JsonRecord item)
    {
        Role role = RoleOf(item);
        bool isWeighted = item.Find("weight") is { ValueKind: not JsonValueKind.Null } weight
            && !(weight.ValueKind == JsonValueKind.Number && weight.TryGetDouble(out double value) && value == 1);
        return role == Role.Assistant && isWeighted
            ? throw item.Error("weight", "is not 1, and every answer is trained in full; leave the conversation out, or end it before this answer")
            : new Message(role, item.Text("content"));
    }

    private static Role RoleOf(JsonRecord item)
    {
        string role = item.Text("role");
        return role switch
        {
            "system" => Role.System,
            "user" => Role.User,
            "assistant" => Role.Assistant,
            _ => throw item.Error("role", $"is \"{role}\", expected system, user or assistant"),
        };
    }
}
