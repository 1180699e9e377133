namespace Camels.Engine.Data.Datasets;

/// <summary>databricks-dolly-15k: {"instruction", "context", "response", "category"}, context possibly empty; the category is not used.</summary>
internal static class Dolly
{
    public static IEnumerable<Conversation> Read(DatasetInput input)
    {
        foreach (JsonRecord record in JsonRecords.Read(input))
        {
            yield return InstructionTemplates.Fill(
                record.Place,
                record.Index,
                input.Dataset,
                input.Seed,
                record.Text("instruction"),
                record.OptionalText("context"),
                record.Text("response"));
        }
    }
}
