namespace Camels.Testing;

/// <summary>The cases of every operator: one line each. The list itself is beside the operator's tests.</summary>
public static class OpCases
{
    /// <summary>Operator → its cases.</summary>
    public static IReadOnlyDictionary<string, Func<IEnumerable<OpCase>>> All { get; } = new SortedDictionary<string, Func<IEnumerable<OpCase>>>
    {
        ["Attention"] = Cases.AttentionCases.All,
        ["CachedAttention"] = Cases.CachedAttentionCases.All,
        ["LossHead"] = Cases.LossHeadCases.All,
        ["MatMul"] = Cases.MatMulCases.All,
        ["AdamW"] = Cases.AdamWCases.All,
        ["Add"] = Cases.AddCases.All,
        ["Cast"] = Cases.CastCases.All,
        ["Embedding"] = Cases.EmbeddingCases.All,
        ["RmsNorm"] = Cases.RmsNormCases.All,
        ["Rope"] = Cases.RopeCases.All,
        ["SumOfSquares"] = Cases.SumOfSquaresCases.All,
        ["SwiGlu"] = Cases.SwiGluCases.All,
    };
}
