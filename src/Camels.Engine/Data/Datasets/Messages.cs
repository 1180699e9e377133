namespace Camels.Engine.Data.Datasets;

/// <summary>Chat records: {"messages": [{"role": "user", "content": "…"}, …]}, roles system, user and assistant; other columns are ignored.</summary>
internal static class Messages
{
    public static IEnumerable<Conversation> Read(DatasetInput input)
    {
        foreach (JsonRecord record in JsonRecords.Read(input))
        {
            Message[] messages = [.. record.Items("messages").Select(item => new Message(RoleOf(item), item.Text("content")))];
            yield return new Conversation(record.Place, record.Index, messages);
        }
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
