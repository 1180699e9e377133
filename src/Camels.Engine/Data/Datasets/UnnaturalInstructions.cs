namespace Camels.Engine.Data.Datasets;

/// <summary>
/// Unnatural Instructions (core_data.jsonl, published in core_data.zip): {"instruction", "instances": [{"input", "constraints", "output"}]}, a
/// conversation an instance. instruction_with_input and reformulations are not used.
/// </summary>
internal static class UnnaturalInstructions
{
    public static IEnumerable<Conversation> Read(DatasetInput input)
    {
        long index = 0;
        foreach (JsonRecord record in JsonRecords.Read(input))
        {
            string instruction = record.Text("instruction");
            foreach (JsonRecord instance in record.Items("instances"))
            {
                yield return InstructionTemplates.Fill(
                    record.Place,
                    index++,
                    input.Dataset,
                    input.Seed,
                    WithConstraints(instruction, instance.OptionalText("constraints")),
                    instance.OptionalText("input"),
                    instance.Text("output"));
            }
        }
    }

    private static string WithConstraints(string instruction, string? constraints) =>
        constraints?.ToLowerInvariant() is null or "" or "none" or "none." ? instruction : $"{instruction}\n{constraints}";
}
