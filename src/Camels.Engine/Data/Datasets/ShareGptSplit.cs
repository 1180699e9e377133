namespace Camels.Engine.Data.Datasets;

/// <summary>
/// open-instruct's splitting of ShareGPT, with what it loses: a pair that alone is too long, and a last pair that does not fit behind the
/// ones before it. Lengths are those of messages that stand alone, with BOS, and six tokens more.
/// </summary>
internal sealed class ShareGptSplit(DatasetInput input)
{
    private const int MarkerTokens = 6;

    private readonly Func<string, int> _countTokens = input.CountTokens
        ?? throw new InvalidOperationException("the splitting of open_instruct_2023 needs a tokenizer");

    /// <summary>The segments of one record, in order; what is lost is reported.</summary>
    public IEnumerable<(string From, string Value)[]> Segments(RecordPlace place, (string From, string Value)[] messages)
    {
        int end = messages.Length / 2 * 2;
        if (end < 2)
        {
            input.LeaveOut(place, messages.Length == 0 ? "no messages" : "no answer");
            yield break;
        }

        if (end < messages.Length)
        {
            input.LeaveOut(place, "an odd last message (open_instruct_2023)");
        }

        int start = 0;
        long length = 0;
        bool isLastKept = false;
        for (int i = 0; i < end; i += 2)
        {
            long pair = Tokens(messages[i]) + Tokens(messages[i + 1]);
            if (length + pair > input.SequenceLength)
            {
                if (i > start)
                {
                    yield return messages[start..i];
                }

                bool isTooLong = pair > input.SequenceLength;
                if (isTooLong)
                {
                    input.LeaveOut(place, "a pair of messages longer than a row (open_instruct_2023)");
                }

                start = isTooLong ? i + 2 : i;
                length = 0;
            }
            else if (i == end - 2)
            {
                yield return messages[start..end];
                isLastKept = true;
            }

            // A pair that was skipped still counts, so that the next one does not fit either and an empty segment comes of it.
            length += pair;
        }

        if (!isLastKept && start < end)
        {
            input.LeaveOut(place, "a last pair of messages that did not fit (open_instruct_2023)");
        }
    }

    private long Tokens((string From, string Value) message) => _countTokens(message.Value) + MarkerTokens;
}
