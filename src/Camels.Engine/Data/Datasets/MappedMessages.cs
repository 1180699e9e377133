using System.Globalization;
using System.Text.Json;

namespace Camels.Engine.Data.Datasets;

/// <summary>The mapped datasets of lists of messages: objects with speaker and text, or texts of user and assistant in turn.</summary>
internal sealed class MappedMessages(DatasetInput input, DatasetMap map)
{
    private readonly JsonPath _messages = JsonPath.Parse(map.Messages!);
    private readonly JsonPath? _system = JsonPath.ParseOptional(map.System);

    public IEnumerable<Conversation> Conversations(MappedItem item, long index)
    {
        List<Message> messages = [.. item.System(_system)];
        string? problem = TryRead(item, messages) ?? Conversation.OrderProblem(messages);
        if (problem is not null)
        {
            input.LeaveOut(item.Record.Place, problem);
            return [];
        }

        return [new Conversation(item.Record.Place, index, [.. messages])];
    }

    private string? TryRead(MappedItem item, List<Message> messages)
    {
        int number = 0;
        foreach (JsonElement element in item.Array(_messages).EnumerateArray())
        {
            string path = string.Create(CultureInfo.InvariantCulture, $"{_messages}[{number}]");
            Role role;
            string? content;
            if (map.Speaker is null)
            {
                role = number % 2 == 0 ? Role.User : Role.Assistant;
                content = item.Record.TextOf(path, element);
            }
            else
            {
                JsonRecord message = item.Record.ItemOf(path, element);
                if (!map.Roles.TryGetValue(message.Text(map.Speaker), out role))
                {
                    return "a message from a speaker that roles does not name";
                }

                content = message.OptionalText(map.Content!);
            }

            if (content is null)
            {
                return "a message without text";
            }

            messages.Add(new Message(role, role == Role.Assistant ? map.WithoutEndMarker(content) : content));
            number++;
        }

        return null;
    }
}
