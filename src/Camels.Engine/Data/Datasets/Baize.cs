namespace Camels.Engine.Data.Datasets;

/// <summary>
/// Baize (alpaca_, medical_, quora_ and stackoverflow_chat_data.json): {"topic", "input"} where input is a header line and turns behind the
/// markers [|Human|] and [|AI|], up to an empty [|Human|].
/// </summary>
internal static class Baize
{
    private const string Human = "[|Human|]";
    private const string Assistant = "[|AI|]";

    public static IEnumerable<Conversation> Read(DatasetInput input)
    {
        foreach (JsonRecord record in JsonRecords.Read(input))
        {
            string? problem = TryParse(record.Text("input"), out List<Message> messages);
            if (problem is null)
            {
                yield return new Conversation(record.Place, record.Index, [.. messages]);
            }
            else
            {
                input.LeaveOut(record.Place, problem);
            }
        }
    }

    // What stands before the first human marker is the header. A round without an answer is no round.
    private static string? TryParse(string text, out List<Message> messages)
    {
        messages = [];
        foreach (string round in text.Split(Human).Skip(1).Where(round => round.Contains(Assistant, StringComparison.Ordinal)))
        {
            string[] halves = round.Split(Assistant);
            if (halves.Length > 2)
            {
                return "a round has several answers";
            }

            messages.Add(new(Role.User, PlainText.Strip(halves[0]).ToString()));
            messages.Add(new(Role.Assistant, PlainText.Strip(halves[1]).ToString()));
        }

        return messages.Count == 0 ? "no round of a human and an answer" : null;
    }
}
