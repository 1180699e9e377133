using Camels.Kernels.Ops;

namespace Camels.Testing.Cases;

internal static class CachedAttentionCases
{
    public static IEnumerable<OpCase> All() =>
    [
        Case([1], length: 1, heads: 1, keyHeads: 1, headWidth: 1),
        Case([2, 5, 1], length: 7, heads: 2, keyHeads: 1, headWidth: 15),
        Case([9, 70], length: 70, heads: 3, keyHeads: 1, headWidth: 16),
        Case([66, 3, 130], length: 131, heads: 2, keyHeads: 2, headWidth: 33),
        Case([3, 7], length: 7, heads: 2, keyHeads: 1, headWidth: 64),
        Case([4], length: 5, heads: 1, keyHeads: 1, headWidth: 128),
    ];

    // Sequence i fills slot (sequences - 1 - i), so that slots are not in the order of the rows. What nobody appended stays NaN.
    private static OpCase Case(int[] lengths, int length, int heads, int keyHeads, int headWidth)
    {
        int tokens = lengths.Sum();
        int[] slots = [.. lengths.SelectMany((count, i) => Enumerable.Repeat(lengths.Length - 1 - i, count))];
        int[] positions = [.. lengths.SelectMany(count => Enumerable.Range(0, count))];
        float scale = 1 / MathF.Sqrt(headWidth);
        return OpCase.Of("CachedAttention", $"sequences of {string.Join("+", lengths)}, {heads}/{keyHeads} heads of {headWidth}")
            .Input("q", [tokens, heads * headWidth])
            .Input("k", [tokens, keyHeads * headWidth])
            .Input("v", [tokens, keyHeads * headWidth])
            .Indices("slots", slots)
            .Indices("positions", positions)
            .Output("keys", lengths.Length, length, keyHeads * headWidth)
            .Output("values", lengths.Length, length, keyHeads * headWidth)
            .Output("y", tokens, heads * headWidth)
            .OnForward(t =>
            {
                CachedAttention.Append(
                    t.Stream, keys: t["keys"], values: t["values"], k: t["k"], v: t["v"], slots: t["slots"], positions: t["positions"]);
                CachedAttention.Forward(
                    t.Stream, y: t["y"], q: t["q"], keys: t["keys"], values: t["values"], slots: t["slots"], positions: t["positions"],
                    headWidth, scale);
            });
    }
}
