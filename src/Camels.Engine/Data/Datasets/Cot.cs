using System.Globalization;

namespace Camels.Engine.Data.Datasets;

/// <summary>
/// Chains of thought. FLAN's rendered submix (cot_zsopt.jsonl, cot_fsopt.jsonl: {"inputs", "targets"}), of which each file gives 50,000
/// drawn by seed, or the tables it is made from (*.tsv: question, answer, chain of thought), all of them.
/// </summary>
internal static class Cot
{
    public const int MostOfAFile = 50_000;

    private static readonly string[] _columns = ["question", "answer", "chain of thought"];

    public static IEnumerable<Conversation> Read(DatasetInput input)
    {
        ulong[] limits = [.. DataFiles.OpenAll(input, countsBytes: false).Select((file, number) => LargestDrawn(file, number, input.Seed))];
        long index = 0;
        int number = 0;
        foreach (DataFile file in DataFiles.OpenAll(input))
        {
            IEnumerable<Conversation> conversations = IsTable(file)
                ? TsvRecords.Read(file, _columns).Select(row => ConversationOf(row.Place, index++, row.Fields))
                : JsonRecords.Read(file)
                    .Where(record => KeyOf(input.Seed, number, record.Index) <= limits[number])
                    .Select(record => FlanV2.ConversationOf(record with { Index = index++ }));
            foreach (Conversation conversation in conversations)
            {
                yield return conversation;
            }

            number++;
        }
    }

    private static bool IsTable(DataFile file) => Path.GetFileName(file.Name).Contains(".tsv", StringComparison.OrdinalIgnoreCase);

    // Records are numbered, and those with the smallest keys are drawn: the numbers need no second look at the data.
    private static ulong LargestDrawn(DataFile file, int number, ulong seed)
    {
        if (IsTable(file))
        {
            return ulong.MaxValue;
        }

        long records = JsonRecords.Read(file).LongCount();
        if (records <= MostOfAFile)
        {
            return ulong.MaxValue;
        }

        ulong[] keys = new ulong[records];
        for (long i = 0; i < records; i++)
        {
            keys[i] = KeyOf(seed, number, i);
        }

        Array.Sort(keys);
        return keys[MostOfAFile - 1];
    }

    private static ulong KeyOf(ulong seed, int file, long record) =>
        RandomBits.Of(seed, string.Create(CultureInfo.InvariantCulture, $"cot {file}"), record);

    // In the tables a line break is the two characters \n, but not in the answer. The answer ends the chain, as FLAN's own templates do it.
    private static Conversation ConversationOf(RecordPlace place, long index, string[] fields)
    {
        string question = WithLineBreaks(fields[0]);
        string thought = PlainText.Strip(WithLineBreaks(fields[2])).ToString();
        string answer = PlainText.Strip(fields[1]).ToString();
        string completion = thought.Length == 0 || answer.Length == 0 ? "" : $"{thought}\nThe answer is {answer}.";
        return new Conversation(place, index, [new(Role.User, question), new(Role.Assistant, completion)]);
    }

    private static string WithLineBreaks(string field) => field.Replace("\\n", "\n", StringComparison.Ordinal);
}
