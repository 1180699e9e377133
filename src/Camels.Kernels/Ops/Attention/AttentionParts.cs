namespace Camels.Kernels.Ops;

/// <summary>
/// The division of an attention into parts of parallel work: a run of tokens and some key heads. A long document is cut into many parts, many
/// short ones share a part; the sizes alone decide, and no result depends on it.
/// </summary>
internal readonly unsafe struct AttentionParts
{
    private readonly AttentionShape _shape;
    private readonly int _tokensPerPart;
    private readonly int _headParts;

    /// <param name="documentBounds">First token of each document, and the number of tokens.</param>
    /// <param name="shape">The sizes.</param>
    /// <param name="headParts">Parts that the key heads are divided into.</param>
    /// <param name="sets">Sets of rows that a part takes in a long document.</param>
    public AttentionParts(Tensor documentBounds, AttentionShape shape, int headParts, int sets)
    {
        _shape = shape;
        _headParts = headParts;
        _tokensPerPart = Math.Max(1, sets * AttentionRows.Maximum / shape.HeadsPerKeyHead);
        Bounds = documentBounds.Pointer<int>();
        Documents = documentBounds.Shape[0] - 1;
        Count = checked((int)(((long)shape.Tokens + _tokensPerPart - 1) / _tokensPerPart * headParts));
    }

    /// <summary>Number of parts.</summary>
    public int Count { get; }

    /// <summary>The most sets of rows that a part takes of a document: more than asked for where a single token has more rows.</summary>
    public int MostSets => (int)((((long)_tokensPerPart * _shape.HeadsPerKeyHead) + AttentionRows.Maximum - 1) / AttentionRows.Maximum);

    /// <summary>First token of each document, and the number of tokens.</summary>
    public int* Bounds { get; }

    /// <summary>Number of documents.</summary>
    public int Documents { get; }

    /// <summary>Tokens of the longest document.</summary>
    public int LongestDocument
    {
        get
        {
            int longest = 0;
            for (int document = 0; document < Documents; document++)
            {
                longest = Math.Max(longest, Bounds[document + 1] - Bounds[document]);
            }

            return longest;
        }
    }

    /// <summary>The tokens of a part.</summary>
    public (int First, int End) TokensOf(int part)
    {
        int first = part / _headParts * _tokensPerPart;
        return (first, (int)Math.Min(_shape.Tokens, (long)first + _tokensPerPart));
    }

    /// <summary>The key heads of a part.</summary>
    public (int First, int Count) HeadsOf(int part) => _shape.HeadsOf(part % _headParts, _headParts);

    /// <summary>The first document that has a token at or after <paramref name="token"/>.</summary>
    public int FirstDocumentEndingAfter(int token)
    {
        int low = 0;
        int high = Documents;
        while (low < high)
        {
            int middle = low + ((high - low) / 2);
            (low, high) = Bounds[middle + 1] > token ? (low, middle) : (middle + 1, high);
        }

        return low;
    }

    /// <summary>
    /// Those rows of a document that belong to the tokens <paramref name="first"/> … <paramref name="end"/> − 1: whole sets, counted from the
    /// document's first row, that begin with one of these tokens.
    /// </summary>
    public AttentionRows RowsOf(int document, int keyHead, int first, int end)
    {
        int start = Bounds[document];
        long firstRow = FirstSet(first - start);
        long endRow = Math.Min(FirstSet(end - start), (long)(Bounds[document + 1] - start) * _shape.HeadsPerKeyHead);
        (long token, long head) = Math.DivRem(firstRow, _shape.HeadsPerKeyHead);
        return new AttentionRows
        {
            FirstToken = start + (int)token,
            FirstHead = (int)head,
            Count = (int)Math.Max(0, endRow - firstRow),
            FirstKeys = (int)token + 1,
            KeyHead = keyHead,
            FirstKeyRow = start,
        };
    }

    // The first row of the first set that begins with a token of the document or a later one.
    private long FirstSet(int token)
    {
        long row = Math.Max(0L, token) * _shape.HeadsPerKeyHead;
        return (row + AttentionRows.Maximum - 1) / AttentionRows.Maximum * AttentionRows.Maximum;
    }
}
