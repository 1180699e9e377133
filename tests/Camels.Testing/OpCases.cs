namespace Camels.Testing;

/// <summary>The cases of every operator: one line each. The list itself is beside the operator's tests.</summary>
public static class OpCases
{
    /// <summary>Operator → its cases.</summary>
    public static IReadOnlyDictionary<string, Func<IEnumerable<OpCase>>> All { get; } = new SortedDictionary<string, Func<IEnumerable<OpCase>>>
    {
        ["AdamW"] = Cases.AdamWCases.All,
        ["Add"] = Cases.AddCases.All,
        ["Attention"] = Cases.AttentionCases.All,
        ["Bias"] = Cases.BiasCases.All,
        ["BlockCodes"] = Cases.BlockCodesCases.All,
        ["CachedAttention"] = Cases.CachedAttentionCases.All,
        ["Cast"] = Cases.CastCases.All,
        ["Dropout"] = Cases.DropoutCases.All,
        ["Embedding"] = Cases.EmbeddingCases.All,
        ["Gelu"] = Cases.GeluCases.All,
        ["LayerNorm"] = Cases.LayerNormCases.All,
        ["LossHead"] = Cases.LossHeadCases.All,
        ["MatMul"] = Cases.MatMulCases.All,
        ["Nf4"] = Cases.Nf4Cases.All,
        ["Relu"] = Cases.ReluCases.All,
        ["RmsNorm"] = Cases.RmsNormCases.All,
        ["Rope"] = Cases.RopeCases.All,
        ["Sample"] = Cases.SampleCases.All,
        ["Sgd"] = Cases.SgdCases.All,
        ["SplitHeads"] = Cases.SplitHeadsCases.All,
        ["SumOfSquares"] = Cases.SumOfSquaresCases.All,
        ["SwiGlu"] = Cases.SwiGluCases.All,
        ["Transpose"] = Cases.TransposeCases.All,
    };
}
