namespace Camels.Engine.Data.Datasets;

/// <summary>The mapped datasets of trees of messages.</summary>
internal sealed class MappedTree
{
    private readonly DatasetInput _input;
    private readonly DatasetMap _map;
    private readonly MessageTree _tree;
    private readonly JsonPath _root;
    private readonly JsonPath? _system;

    public MappedTree(DatasetInput input, DatasetMap map)
    {
        _input = input;
        _map = map;
        _tree = new MessageTree(input, ReadNode, map.Replies!);
        _root = JsonPath.Parse(map.Tree!);
        _system = JsonPath.ParseOptional(map.System);
    }

    public IEnumerable<Conversation> Conversations(MappedItem item, long index)
    {
        if (_root.Find(item.Record, item.Element) is not { } root)
        {
            _input.LeaveOut(item.Record.Place, "no messages");
            yield break;
        }

        Message[] system = item.System(_system);
        foreach (Message[] path in _tree.Conversations(item.Record.ItemOf(_root.ToString(), root)))
        {
            Message[] messages = [.. system, .. path];
            if (Conversation.OrderProblem(messages) is string problem)
            {
                _input.LeaveOut(item.Record.Place, problem);
                continue;
            }

            yield return new Conversation(item.Record.Place, index++, messages);
        }
    }

    private Message ReadNode(JsonRecord node)
    {
        string speaker = node.Text(_map.Speaker!);
        string content = node.Text(_map.Content!);
        return !_map.Roles.TryGetValue(speaker, out Role role)
            ? throw node.Error(_map.Speaker!, $"is \"{speaker}\", which roles does not name ({string.Join(", ", _map.Roles.Keys)})")
            : new Message(role, role == Role.Assistant ? _map.WithoutEndMarker(content) : content);
    }
}
