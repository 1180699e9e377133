using System.Text;
using System.Text.Json;

namespace Camels.Engine.Data.Datasets;

/// <summary>
/// One task file: {"Definition": ["…"], "Positive Examples": [{"input", "output"}], "Instances": [{"input", "output": ["…"]}]}. Older files have
/// plain text where newer ones have arrays of text. Read in one pass that keeps no more instances than are drawn.
/// </summary>
internal sealed class SuperNiTask
{
    private const int ZeroShot = 60;
    private const int FewShot = 20;
    private const int MostDrawn = ZeroShot + FewShot;
    private const int Demonstrations = 2;

    private readonly DatasetInput _input;
    private readonly string _name;
    private readonly HashSet<string> _membersRead = [];
    private readonly List<(string Input, string Output)> _positive = [];

    // The instances with the smallest keys, the largest of them first out.
    private readonly PriorityQueue<Instance, ulong> _drawn = new(Comparer<ulong>.Create((left, right) => right.CompareTo(left)));
    private string? _definition;
    private long _instances;
    private long _keptCharacters;
    private bool _isDrawn;    // there are more instances than are kept

    private SuperNiTask(DatasetInput input, string name)
    {
        _input = input;
        _name = name;
    }

    public static SuperNiTask Read(DataFile file, DatasetInput input)
    {
        SuperNiTask task = new(input, Path.GetFileName(file.Name));
        using JsonScanner scanner = new(file);
        scanner.Text.SkipByteOrderMark();
        scanner.Take('{');
        for (string? member = scanner.NextMember(isFirst: true); member is not null; member = scanner.NextMember(isFirst: false))
        {
            task.ReadMember(scanner, member);
        }

        if (scanner.Text.SkipWhiteSpace() != -1)
        {
            throw scanner.Text.Broken("there is text after the end of the task");
        }

        return task._definition is not null
            ? task
            : throw CamelsException.BadInput($"{file.Name}: the task has no \"Definition\", which is its instruction.");
    }

    /// <summary>Up to 60 zero-shot conversations, then up to 20 with two demonstrations, numbered from <paramref name="index"/>.</summary>
    public IEnumerable<Conversation> Conversations(long index)
    {
        IEnumerable<(Instance Element, ulong Priority)> drawn = _drawn.UnorderedItems;
        Instance[] chosen = [.. (_isDrawn ? drawn.OrderBy(item => item.Priority) : drawn.OrderBy(item => item.Element.Number))
            .Select(item => item.Element)];
        for (int i = 0; i < chosen.Length; i++, index++)
        {
            yield return i < ZeroShot
                ? InstructionTemplates.Fill(
                    chosen[i].Place, index, _input.Dataset, _input.Seed, _definition!, chosen[i].Input, chosen[i].Output)
                : WithDemonstrations(chosen[i], index);
        }
    }

    private void ReadMember(JsonScanner scanner, string member)
    {
        if (member is "Definition" or "Positive Examples" or "Instances" && !_membersRead.Add(member))
        {
            throw scanner.Text.Broken($"the task has a second \"{member}\"");
        }

        RecordPlace place = scanner.Place(record: 1);
        if (member == "Instances")
        {
            foreach (JsonDocument instance in scanner.Elements())
            {
                using (instance)
                {
                    ReadInstance(RecordAt(scanner.Place(++_instances), instance.RootElement, $"Instances[{_instances - 1}]"));
                }
            }

            return;
        }

        using JsonDocument value = scanner.Value();
        JsonRecord task = new(place, Index: 0, value.RootElement, Path: "");
        if (member == "Definition")
        {
            _definition = task.FirstTextOf(member, value.RootElement) ?? throw task.Error(member, "is empty, expected text");
        }
        else if (member == "Positive Examples")
        {
            _positive.AddRange(task.ItemsOf(member, task.ArrayOf(member, value.RootElement))
                .Select(example => (example.Text("input"), example.FirstText("output") ?? "")));
        }
    }

    private void ReadInstance(JsonRecord record)
    {
        string input = record.Text("input");
        if (record.FirstText("output") is not string output)
        {
            _input.LeaveOut(record.Place, "an instance without an output");
            return;
        }

        Instance instance = new(record.Place, _instances, input, output);
        ulong key = RandomBits.Of(_input.Seed, _name, _instances);
        _keptCharacters += instance.Characters;
        if (_drawn.Count < MostDrawn)
        {
            _drawn.Enqueue(instance, key);
        }
        else
        {
            _isDrawn = true;
            _keptCharacters -= _drawn.EnqueueDequeue(instance, key).Characters;
        }

        if (_keptCharacters > TextScanner.MaxRecordBytes)
        {
            throw record.Place.Error($"the instances drawn from this task are longer than {TextScanner.MaxRecordBytes >> 20} Mi characters.");
        }
    }

    private Conversation WithDemonstrations(Instance instance, long index)
    {
        string definition = PlainText.Strip(_definition).ToString();
        StringBuilder prompt = new($"{definition}\n\n");
        foreach ((string input, string output) in DrawDemonstrations(instance))
        {
            prompt.Append($"Input:\n{PlainText.Strip(input)}\nOutput:\n{PlainText.Strip(output)}\n\n");
        }

        string question = PlainText.Strip(instance.Input).ToString();
        prompt.Append($"Input:\n{question}\nOutput:\n");
        Message answer = new(Role.Assistant, PlainText.Strip(instance.Output).ToString());
        return new Conversation(
            instance.Place, index, [new(Role.User, prompt.ToString()), answer], InstructionTemplates.ContentOf(definition, question, answer));
    }

    private IEnumerable<(string Input, string Output)> DrawDemonstrations(Instance instance)
    {
        string series = $"{_name} demonstrations {instance.Number}";
        return _positive.Count <= Demonstrations
            ? _positive
            : _positive.Select((example, number) => (example, Key: RandomBits.Of(_input.Seed, series, number)))
                .OrderBy(item => item.Key)
                .Take(Demonstrations)
                .Select(item => item.example);
    }

    private static JsonRecord RecordAt(RecordPlace place, JsonElement element, string path) =>
        element.ValueKind == JsonValueKind.Object
            ? new JsonRecord(place, Index: 0, element, $"{path}.")
            : throw place.Error($"\"{path}\" is {JsonRecord.KindName(element)}, expected an object.");

    private sealed record Instance(RecordPlace Place, long Number, string Input, string Output)
    {
        public int Characters => Input.Length + Output.Length;
    }
}
