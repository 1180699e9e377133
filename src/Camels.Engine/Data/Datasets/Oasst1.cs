namespace Camels.Engine.Data.Datasets;

/// <summary>
/// Open Assistant 1 (2023-04-12_oasst_ready.trees.jsonl.gz) and files of its format: a tree of messages a line, {"prompt": {"text", "role",
/// "replies": […]}} with roles prompter and assistant. <see cref="TreeRule"/> says which conversations a tree gives.
/// </summary>
internal static class Oasst1
{
    public static IEnumerable<Conversation> Read(DatasetInput input)
    {
        MessageTree tree = new(input, ReadMessage, replies: "replies");
        long index = 0;
        foreach (JsonRecord record in JsonRecords.Read(input))
        {
            foreach (Message[] messages in tree.Conversations(record.Item("prompt")))
            {
                yield return new Conversation(record.Place, index++, messages);
            }
        }
    }

    private static Message ReadMessage(JsonRecord node)
    {
        string role = node.Text("role");
        return new Message(
            role switch
            {
                "prompter" => Role.User,
                "assistant" => Role.Assistant,
                _ => throw node.Error("role", $"is \"{role}\", expected prompter or assistant"),
            },
            node.Text("text"));
    }
}
