namespace Camels.Engine.Data.Datasets;

/// <summary>
/// Flan V2, resampled to 100,000 (flan_v2_resampled_100k.jsonl): {"inputs", "targets"}, prompts fully rendered; other columns are not read.
/// </summary>
internal static class FlanV2
{
    public static IEnumerable<Conversation> Read(DatasetInput input) => JsonRecords.Read(input).Select(ConversationOf);

    /// <summary>A rendered prompt and its answer, few-shot demonstrations inside the one user message.</summary>
    public static Conversation ConversationOf(JsonRecord record) => new(
        record.Place,
        record.Index,
        [new(Role.User, WithLineEnd(record.Text("inputs"))), new(Role.Assistant, record.Text("targets"))]);

    // A prompt ends with a line feed, unless it asks with a colon.
    private static string WithLineEnd(string prompt) =>
        prompt.EndsWith('\n') || PlainText.StripEnd(prompt) is [.., ':'] ? prompt : prompt + "\n";
}
