namespace Camels.Engine.Data.Datasets;

/// <summary>
/// Stanford Alpaca and the datasets of its format (Code-Alpaca, GPT4-Alpaca): {"instruction", "input", "output"}, input possibly empty.
/// No cleaning: placeholders such as &lt;noinput&gt; go through, as in open-instruct.
/// </summary>
internal static class StanfordAlpaca
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
                record.OptionalText("input"),
                record.Text("output"));
        }
    }
}
