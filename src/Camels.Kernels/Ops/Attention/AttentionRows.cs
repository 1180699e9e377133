namespace Camels.Kernels.Ops;

/// <summary>
/// Queries that are computed together: pairs of a token and one of the G query heads that share a key head, by token, then by head. Tokens
/// follow each other in their document, so that each sees one key more than the one before.
/// </summary>
internal readonly record struct AttentionRows
{
    /// <summary>Rows of a set: as many as a tile of scores has lanes.</summary>
    public const int Maximum = 64;

    /// <summary>The token of the first row.</summary>
    public required int FirstToken { get; init; }

    /// <summary>The head of the first row, counted from the group's first.</summary>
    public required int FirstHead { get; init; }

    /// <summary>Number of rows; more than a set's are several sets.</summary>
    public required int Count { get; init; }

    /// <summary>Keys that the first token sees.</summary>
    public required int FirstKeys { get; init; }

    /// <summary>The key/value head.</summary>
    public required int KeyHead { get; init; }

    /// <summary>Row of the document's first key in the keys' tensor.</summary>
    public required long FirstKeyRow { get; init; }

    /// <summary>Keys that a row sees, where a group has <paramref name="heads"/> heads.</summary>
    public int Keys(int row, int heads) => FirstKeys + ((FirstHead + row) / heads);

    /// <summary>One set of at most <see cref="Maximum"/> of the rows, for one key head further on.</summary>
    public AttentionRows Set(int set, int keyHead, int heads)
    {
        (int token, int head) = Math.DivRem(FirstHead + (set * Maximum), heads);
        return this with
        {
            FirstToken = FirstToken + token,
            FirstHead = head,
            Count = Math.Min(Maximum, Count - (set * Maximum)),
            FirstKeys = FirstKeys + token,
            KeyHead = KeyHead + keyHead,
        };
    }

    /// <summary>The first row that sees key <paramref name="key"/>, or the number of rows.</summary>
    public int FirstRow(int key, int heads) => (int)Math.Clamp(((key + 1L - FirstKeys) * heads) - FirstHead, 0, Count);

    /// <summary>Writes the number of each row's query: token by token, and head by head.</summary>
    public unsafe void Queries(long* queries, in AttentionShape shape)
    {
        int head = FirstHead;
        long first = ((long)FirstToken * shape.Heads) + (KeyHead * shape.HeadsPerKeyHead);
        for (int row = 0; row < Count; row++)
        {
            queries[row] = first + head;
            if (++head == shape.HeadsPerKeyHead)
            {
                head = 0;
                first += shape.Heads;
            }
        }
    }

    /// <summary>Writes how many keys each row sees.</summary>
    public unsafe void Limits(float* limits, in AttentionShape shape)
    {
        int head = FirstHead;
        int keys = FirstKeys;
        for (int row = 0; row < Count; row++)
        {
            limits[row] = keys;
            if (++head == shape.HeadsPerKeyHead)
            {
                head = 0;
                keys++;
            }
        }
    }
}
