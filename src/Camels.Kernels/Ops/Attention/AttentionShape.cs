namespace Camels.Kernels.Ops;

/// <summary>The sizes of one attention: N tokens, H query heads that share K key/value heads, each D wide, and the factor of the scores.</summary>
internal readonly record struct AttentionShape(int Tokens, int Heads, int KeyHeads, int HeadWidth, float Scale)
{
    /// <summary>Query heads that read the same key/value head.</summary>
    public int HeadsPerKeyHead => Heads / KeyHeads;

    /// <summary>The number of parts of about <paramref name="columns"/> columns that the key heads are divided into.</summary>
    public int HeadParts(int columns) => Math.Clamp(KeyHeads * HeadWidth / columns, 1, KeyHeads);

    /// <summary>The key heads of one part.</summary>
    public (int First, int Count) HeadsOf(int part, int parts)
    {
        int first = (int)((long)KeyHeads * part / parts);
        return (first, (int)((long)KeyHeads * (part + 1) / parts) - first);
    }

    /// <summary>The most key heads that a part has.</summary>
    public int MostHeads(int parts) => (KeyHeads + parts - 1) / parts;

    /// <summary>The sizes of q (N, H*D), k and v (N, K*D); throws unless they fit each other.</summary>
    public static AttentionShape Of(Tensor q, Tensor k, Tensor v, int headWidth, float scale)
    {
        (int tokens, int queryColumns) = q.Rank2();
        (_, int keyColumns) = k.Rank2();
        k.Require(q.DType, [tokens, keyColumns]);
        v.Require(q.DType, [tokens, keyColumns]);
        return Of(tokens, queryColumns, keyColumns, headWidth, scale);
    }

    /// <summary>The sizes of N queries of H*D columns that read keys of K*D columns.</summary>
    public static AttentionShape Of(int tokens, int queryColumns, int keyColumns, int headWidth, float scale)
    {
        TensorChecks.RequireThat(
            headWidth is >= 1 and <= Attention.MaximumHeadWidth && keyColumns >= headWidth
            && keyColumns % headWidth == 0 && queryColumns % keyColumns == 0,
            "queries need a multiple of the keys' columns, and both a multiple of a head width from 1 to 256");
        TensorChecks.RequireThat(scale > 0 && float.IsFinite(scale), "the scale of the scores must be positive and finite");
        return new AttentionShape(tokens, queryColumns / headWidth, keyColumns / headWidth, headWidth, scale);
    }
}
