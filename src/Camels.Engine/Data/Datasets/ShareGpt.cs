namespace Camels.Engine.Data.Datasets;

/// <summary>
/// ShareGPT, cleaned of HTML (sg_90k_part1_html_cleaned.json, …part2…) and files of its format: {"id", "conversations": [{"from": "human" or
/// "gpt", "value"}]}. Records whose speakers are others, or do not take turns from a human on, are left out. Long conversations are split at
/// turns like those of any dataset; under open_instruct_2023 as <see cref="ShareGptSplit"/> does it.
/// </summary>
internal static class ShareGpt
{
    public static IEnumerable<Conversation> Read(DatasetInput input)
    {
        long index = 0;
        ShareGptSplit? split = input.Compatibility == Compatibility.OpenInstruct2023 ? new ShareGptSplit(input) : null;
        foreach (JsonRecord record in JsonRecords.Read(input))
        {
            (string From, string Value)[] messages = [.. record.Items("conversations").Select(item => (item.Text("from"), item.Text("value")))];
            IEnumerable<(string From, string Value)[]> segments = split is null ? [messages] : split.Segments(record.Place, messages);
            foreach ((string From, string Value)[] segment in segments)
            {
                string? problem = TryConvert(segment, isStrict: split is not null, out Message[] converted);
                if (problem is null)
                {
                    yield return new Conversation(record.Place, index++, converted);
                }
                else
                {
                    input.LeaveOut(record.Place, problem);
                }
            }
        }
    }

    // Strict: names other than human and gpt do not pass, as in open-instruct's filter.
    private static string? TryConvert((string From, string Value)[] messages, bool isStrict, out Message[] converted)
    {
        converted = new Message[messages.Length];
        for (int i = 0; i < messages.Length; i++)
        {
            switch (messages[i].From)
            {
                case "human":
                case "user" when !isStrict:
                    converted[i] = new Message(Role.User, messages[i].Value);
                    break;
                case "gpt":
                case "chatgpt" when !isStrict:
                    converted[i] = new Message(Role.Assistant, messages[i].Value);
                    break;
                case "system" or "bing":
                    return "a message from system or bing";
                default:
                    return "a message from an unknown speaker";
            }
        }

        return Conversation.OrderProblem(converted);
    }
}
