using Camels.Kernels.Ops;

namespace Camels.Testing.Cases;

internal static class SplitHeadsCases
{
    public static IEnumerable<OpCase> All() =>
    [
        Case(rows: 0, heads: 2, headWidth: 3),
        Case(rows: 1, heads: 1, headWidth: 1),
        Case(rows: 3, heads: 3, headWidth: 24),
        Case(rows: 443, heads: 2, headWidth: 17),
    ];

    private static OpCase Case(int rows, int heads, int headWidth) => OpCase.Of("SplitHeads", $"{rows} rows, {heads} heads of {headWidth}")
        .Input("fused", [rows, 3 * heads * headWidth])
        .Output("q", rows, heads * headWidth)
        .Output("k", rows, heads * headWidth)
        .Output("v", rows, heads * headWidth)
        .Upstream("dq", of: "q")
        .Upstream("dk", of: "k")
        .Upstream("dv", of: "v")
        .Gradient("dFused", of: "fused")
        .OnForward(t => SplitHeads.Forward(t.Stream, q: t["q"], k: t["k"], v: t["v"], fused: t["fused"], headWidth))
        .OnBackward(t => SplitHeads.Backward(t.Stream, dFused: t["dFused"], dq: t["dq"], dk: t["dk"], dv: t["dv"], headWidth));
}
