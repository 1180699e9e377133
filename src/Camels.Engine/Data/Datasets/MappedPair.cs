namespace Camels.Engine.Data.Datasets;

/// <summary>The mapped datasets of one question and one answer: an instruction, dressed by templates, or a prompt as it is.</summary>
internal sealed class MappedPair(DatasetInput input, DatasetMap map)
{
    private readonly JsonPath _question = JsonPath.Parse(map.Instruction ?? map.Prompt!);
    private readonly JsonPath? _input = JsonPath.ParseOptional(map.Input);
    private readonly JsonPath _answer = JsonPath.Parse(map.Output!);
    private readonly JsonPath? _system = JsonPath.ParseOptional(map.System);

    public IEnumerable<Conversation> Conversations(MappedItem item, long index)
    {
        string? question = item.Text(_question);
        string? answer = item.Text(_answer);
        if (string.IsNullOrWhiteSpace(question) || answer is null)
        {
            input.LeaveOut(item.Record.Place, string.IsNullOrWhiteSpace(question) ? "no question" : "no answer");
            return [];
        }

        answer = map.WithoutEndMarker(answer);
        RecordPlace place = item.Record.Place;
        return map.Instruction is null
            ? [new Conversation(place, index, [.. item.System(_system), new(Role.User, question), new(Role.Assistant, answer)])]
            : [InstructionTemplates.Fill(
                place, index, input.Dataset, input.Seed, question, _input is null ? null : item.Text(_input, isOptional: true), answer)];
    }
}
