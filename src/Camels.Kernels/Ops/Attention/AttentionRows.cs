namespace Camels.Kernels.Ops;

/// <summary>
/// Queries that are computed together: pairs of a token and one of the G query heads that share a key head, by token, then by head. Tokens
/// follow each other in their document, so that each sees one key more than the one before.
/// </summary>
internal readonly record struct AttentionRows
{
    /// <summary>The most rows.</summary>
    public const int Maximum = 64;

    /// <summary>The token of the first row.</summary>
    public required int FirstToken { get; init; }

    /// <summary>The head of the first row, counted from the group's first.</summary>
    public required int FirstHead { get; init; }

    /// <summary>Number of rows.</summary>
    public required int Count { get; init; }

    /// <summary>Keys that the first token sees.</summary>
    public required int FirstKeys { get; init; }

    /// <summary>The key/value head.</summary>
    public required int KeyHead { get; init; }

    /// <summary>Element of the document's first key in the keys' tensor.</summary>
    public required nint KeyOffset { get; init; }

    /// <summary>Keys that a row sees, where a group has <paramref name="heads"/> heads.</summary>
    public int Keys(int row, int heads) => FirstKeys + ((FirstHead + row) / heads);

    /// <summary>Number of the row's query, token by token and head by head.</summary>
    public long Query(int row, in AttentionShape shape)
    {
        (int token, int head) = Math.DivRem(FirstHead + row, shape.HeadsPerKeyHead);
        return ((long)(FirstToken + token) * shape.Heads) + (KeyHead * shape.HeadsPerKeyHead) + head;
    }

    /// <summary>How many of the <paramref name="count"/> keys from <paramref name="firstKey"/> on a row sees.</summary>
    public int KeysIn(int row, int heads, int firstKey, int count) => Math.Clamp(Keys(row, heads) - firstKey, 0, count);

    /// <summary>The first row that sees key <paramref name="key"/>, or the number of rows.</summary>
    public int FirstRow(int key, int heads) => (int)Math.Clamp(((key + 1L - FirstKeys) * heads) - FirstHead, 0, Count);
}
