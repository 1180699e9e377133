using System.Text.Json;

namespace Camels.Engine.Data.Datasets;

/// <summary>
/// Any dataset whose <see cref="DatasetMap"/> says where its fields are. A file without them is an error; a record that cannot be a
/// conversation is left out and counted.
/// </summary>
internal static class Mapped
{
    public static IEnumerable<Conversation> Read(DatasetInput input)
    {
        DatasetMap map = input.Map!;
        Func<MappedItem, long, IEnumerable<Conversation>> conversations =
            map.Tree is not null ? new MappedTree(input, map).Conversations
            : map.Messages is not null ? new MappedMessages(input, map).Conversations
            : new MappedPair(input, map).Conversations;
        JsonPath? each = JsonPath.ParseOptional(map.Each);
        long index = 0;
        foreach (MappedItem item in JsonRecords.Read(input).SelectMany(record => ItemsOf(record, each)))
        {
            foreach (Conversation conversation in conversations(item, index))
            {
                yield return conversation;
                index++;
            }
        }
    }

    private static IEnumerable<MappedItem> ItemsOf(JsonRecord record, JsonPath? each)
    {
        MappedItem whole = new(record, record.Element);
        return each is null ? [whole] : whole.Array(each).EnumerateArray().Select(element => new MappedItem(record, element));
    }
}

/// <summary>What a conversation is made of: a record or an item in it.</summary>
/// <param name="Record">The record, where paths with $ start.</param>
/// <param name="Element">The item, where other paths start.</param>
internal readonly record struct MappedItem(JsonRecord Record, JsonElement Element)
{
    public string? Text(JsonPath path, bool isOptional = false) =>
        Record.TextOf(path.ToString(), path.Find(Record, Element, isOptional));

    public JsonElement Array(JsonPath path) => Record.ArrayOf(path.ToString(), path.Find(Record, Element));

    /// <summary>A system message, where the path leads to one.</summary>
    public Message[] System(JsonPath? path)
    {
        string? text = path is null ? null : Text(path, isOptional: true);
        return string.IsNullOrWhiteSpace(text) ? [] : [new Message(Role.System, text)];
    }
}
