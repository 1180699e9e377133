using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Testing.Cases;

internal static class AttentionCases
{
    public static IEnumerable<OpCase> All() =>
    [
        Case([1], heads: 1, keyHeads: 1, headWidth: 1),
        Case([2, 1, 5], heads: 2, keyHeads: 1, headWidth: 8),
        Case([1, 17, 7], heads: 3, keyHeads: 3, headWidth: 15),
        Case([16, 0, 9, 18], heads: 6, keyHeads: 2, headWidth: 16),
        Case([70], heads: 2, keyHeads: 2, headWidth: 48),
        Case([33, 3], heads: 4, keyHeads: 1, headWidth: 64),
        Case([5, 20], heads: 2, keyHeads: 1, headWidth: 80),
        Case([21], heads: 1, keyHeads: 1, headWidth: 128),
        Case([34], heads: 1, keyHeads: 1, headWidth: 130),
        Case([131, 2], heads: 2, keyHeads: 1, headWidth: 64).WithoutFiniteDifferences(),
        Case([150, 1, 66], heads: 1, keyHeads: 1, headWidth: 6).WithoutFiniteDifferences(),
    ];

    public static OpCase Case(int[] lengths, int heads, int keyHeads, int headWidth)
    {
        int[] bounds = new int[lengths.Length + 1];
        double pairs = 0;
        for (int i = 0; i < lengths.Length; i++)
        {
            bounds[i + 1] = bounds[i] + lengths[i];
            pairs += lengths[i] * (lengths[i] + 1.0) / 2;
        }

        int tokens = bounds[^1];
        float scale = 1 / MathF.Sqrt(headWidth);
        return OpCase.Of("Attention", $"documents of {string.Join("+", lengths)}, {heads}/{keyHeads} heads of {headWidth}")
            .Input("q", [tokens, heads * headWidth])
            .Input("k", [tokens, keyHeads * headWidth])
            .Input("v", [tokens, keyHeads * headWidth])
            .Indices("documentBounds", bounds)
            .Output("y", tokens, heads * headWidth)
            .Statistic("logSumExp", tokens, heads)
            .Upstream("dy", of: "y")
            .Gradient("dq", of: "q")
            .Gradient("dk", of: "k")
            .Gradient("dv", of: "v")
            .Workspace("delta", DType.F32, tokens, heads)
            .CountingFlops(14 * pairs * heads * headWidth)
            .OnForward(t => Attention.Forward(
                t.Stream, y: t["y"], logSumExp: t["logSumExp"], q: t["q"], k: t["k"], v: t["v"], documentBounds: t["documentBounds"],
                headWidth, scale))
            .OnBackward(t => Attention.Backward(
                t.Stream, dq: t["dq"], dk: t["dk"], dv: t["dv"], dy: t["dy"], q: t["q"], k: t["k"], v: t["v"], y: t["y"],
                logSumExp: t["logSumExp"], delta: t["delta"], documentBounds: t["documentBounds"], headWidth, scale));
    }
}
