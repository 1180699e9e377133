namespace Camels.Kernels.Ops;

/// <summary>
/// The division of an attention into parts of parallel work: a run of tokens and one key head. A long document is cut into many parts, many
/// short ones share a part; the sizes alone decide, and no result depends on it.
/// </summary>
internal readonly unsafe struct AttentionParts
{
    private readonly AttentionShape _shape;
    private readonly int _tokensPerPart;

    /// <param name="documentBounds">First token of each document, and the number of tokens.</param>
    /// <param name="shape">The sizes.</param>
    public AttentionParts(Tensor documentBounds, AttentionShape shape)
    {
        _shape = shape;
        _tokensPerPart = Math.Max(1, AttentionRows.Maximum / shape.HeadsPerKeyHead);
        Bounds = documentBounds.Pointer<int>();
        Documents = documentBounds.Shape[0] - 1;
        Count = checked((int)(((long)shape.Tokens + _tokensPerPart - 1) / _tokensPerPart * shape.KeyHeads));
    }

    /// <summary>Number of parts.</summary>
    public int Count { get; }

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

    /// <summary>The tokens and the key head of a part.</summary>
    public (int First, int End, int KeyHead) TokensOf(int part)
    {
        (int run, int keyHead) = Math.DivRem(part, _shape.KeyHeads);
        int first = run * _tokensPerPart;
        return (first, (int)Math.Min(_shape.Tokens, (long)first + _tokensPerPart), keyHead);
    }

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
    /// The first rows of a document, counted in whole sets from its first token, that begin with <paramref name="firstToken"/> or later; none
    /// where there are no more.
    /// </summary>
    public AttentionRows FirstRows(int document, int keyHead, int firstToken)
    {
        long rowsBefore = Math.Max(0L, firstToken - Bounds[document]) * _shape.HeadsPerKeyHead;
        return Rows(document, keyHead, (rowsBefore + AttentionRows.Maximum - 1) / AttentionRows.Maximum * AttentionRows.Maximum);
    }

    /// <summary>The rows after <paramref name="rows"/> in the same document.</summary>
    public AttentionRows Next(in AttentionRows rows, int document)
    {
        long start = ((long)(rows.FirstToken - Bounds[document]) * _shape.HeadsPerKeyHead) + rows.FirstHead;
        return Rows(document, rows.KeyHead, start + rows.Count);
    }

    private AttentionRows Rows(int document, int keyHead, long start)
    {
        int firstToken = Bounds[document];
        long end = (long)(Bounds[document + 1] - firstToken) * _shape.HeadsPerKeyHead;
        (long token, long head) = Math.DivRem(start, _shape.HeadsPerKeyHead);
        return new AttentionRows
        {
            FirstToken = firstToken + (int)token,
            FirstHead = (int)head,
            Count = (int)Math.Clamp(end - start, 0, AttentionRows.Maximum),
            FirstKeys = (int)token + 1,
            KeyHead = keyHead,
            KeyOffset = (((nint)firstToken * _shape.KeyHeads) + keyHead) * _shape.HeadWidth,
        };
    }
}
