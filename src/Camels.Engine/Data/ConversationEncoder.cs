namespace Camels.Engine.Data;

/// <summary>What became of a conversation.</summary>
internal enum Fit
{
    /// <summary>It fits a row.</summary>
    Whole,

    /// <summary>Longer than a row; all turn pairs are kept, in several documents.</summary>
    Split,

    /// <summary>Longer than a row; some turn pairs are kept.</summary>
    Cut,

    /// <summary>Longer than a row; nothing is kept.</summary>
    Dropped,
}

/// <summary>
/// Turns a conversation into the documents that fit a row. Documents begin and end at turn pairs, so every assistant turn that is kept has
/// its EOS, under each policy; open-instruct of 2023 cut wherever the row ended. One per thread.
/// </summary>
internal sealed class ConversationEncoder(
    TemplateEncoder template, int sequenceLength, OverLength policy, Compatibility compatibility = Compatibility.None)
{
    private readonly EncodedMessages _messages = new();

    /// <summary>The documents of the last conversation.</summary>
    public EncodedDocuments Documents { get; } = new();

    public Fit Encode(ReadOnlySpan<Message> messages)
    {
        Documents.Clear();
        template.EncodeMessages(messages, _messages);
        int firstUser = _messages.StartsWithSystem ? 1 : 0;
        int end = FittingEnd(firstUser);
        if (end == _messages.Count)
        {
            template.AppendDocument(_messages, firstUser, end, Documents);
            return Fit.Whole;
        }

        if (compatibility == Compatibility.OpenInstruct2023)
        {
            template.AppendCut(_messages, sequenceLength, Documents);
            return Fit.Cut;
        }

        return policy switch
        {
            OverLength.Drop => Fit.Dropped,
            OverLength.Truncate => KeepStart(firstUser, end),
            _ => Split(firstUser),
        };
    }

    private Fit KeepStart(int firstUser, int end)
    {
        if (end > firstUser)
        {
            template.AppendDocument(_messages, firstUser, end, Documents);
            return Fit.Cut;
        }

        // The first pair alone is too long: its question is cut, so that the answer stays whole.
        int room = sequenceLength - template.StartTokens(_messages) - template.PairMarkerTokens(_messages, isFirst: true)
            - _messages.Content(firstUser + 1, isFirst: false).Length;
        if (room < 1)
        {
            return Fit.Dropped;
        }

        template.AppendDocument(_messages, firstUser, firstUser + 2, Documents, mostUserTokens: room);
        return Fit.Cut;
    }

    private Fit Split(int firstUser)
    {
        Fit fit = Fit.Split;
        for (int user = firstUser; user < _messages.Count;)
        {
            int end = FittingEnd(user);
            if (end == user)
            {
                fit = Fit.Cut;
                end = user + 2;    // this pair alone is longer than a row
            }
            else
            {
                template.AppendDocument(_messages, user, end, Documents);
            }

            user = end;
        }

        return Documents.Count == 0 ? Fit.Dropped : fit;
    }

    // One past the last message of the turn pairs from user on that fit one row; user itself where none does.
    private int FittingEnd(int user)
    {
        long tokens = template.StartTokens(_messages);
        int end = user;
        while (end < _messages.Count)
        {
            tokens += template.PairTokens(_messages, end, isFirst: end == user);
            if (tokens > sequenceLength)
            {
                break;
            }

            end += 2;
        }

        return end;
    }
}
