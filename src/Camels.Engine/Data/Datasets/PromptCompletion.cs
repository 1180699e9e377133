namespace Camels.Engine.Data.Datasets;

/// <summary>Records of one turn: {"prompt": "…", "completion": "…"}; other columns are ignored.</summary>
internal static class PromptCompletion
{
    public static IEnumerable<Conversation> Read(DatasetInput input)
    {
        foreach (JsonRecord record in JsonRecords.Read(input))
        {
            yield return new Conversation(
                record.Place,
                record.Index,
                [new(Role.User, record.Text("prompt")), new(Role.Assistant, record.Text("completion"))]);
        }
    }
}
