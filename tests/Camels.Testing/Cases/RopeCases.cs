using Camels.Kernels.Ops;

namespace Camels.Testing.Cases;

internal static class RopeCases
{
    public static IEnumerable<OpCase> All() =>
    [
        Case(positions: [], heads: 2, headWidth: 4, rotated: 4),
        Case(positions: [0], heads: 1, headWidth: 2, rotated: 2),
        Case(positions: [0, 1, 2, 0, 1], heads: 3, headWidth: 16, rotated: 16),
        Case(positions: [3, 7, 1], heads: 2, headWidth: 34, rotated: 34),
        Case(positions: [5, 6, 7, 0], heads: 2, headWidth: 20, rotated: 6),
        Case(positions: [1, 0], heads: 2, headWidth: 3, rotated: 0),
        Case(positions: [.. Enumerable.Range(0, 50)], heads: 8, headWidth: 48, rotated: 48),
    ];

    private static OpCase Case(int[] positions, int heads, int headWidth, int rotated)
    {
        int positionCount = positions.Append(0).Max() + 1;
        return OpCase.Of("Rope", $"{positions.Length} rows, {heads} heads of {headWidth}, {rotated} rotated")
            .Input("x", [positions.Length, heads * headWidth])
            .WideInput("cosines", [positionCount, rotated / 2], random => Math.Cos(random.NextDouble()))
            .WideInput("sines", [positionCount, rotated / 2], random => Math.Sin(random.NextDouble()))
            .Indices("positions", positions)
            .Output("y", positions.Length, heads * headWidth)
            .Upstream("dy", of: "y")
            .Gradient("dx", of: "x")
            .MayBe("y", "x")
            .MayBe("dx", "dy")
            .OnForward(t => Rope.Forward(
                t.Stream, y: t["y"], x: t["x"], positions: t["positions"], cosines: t["cosines"], sines: t["sines"], headWidth))
            .OnBackward(t => Rope.Backward(
                t.Stream, dx: t["dx"], dy: t["dy"], positions: t["positions"], cosines: t["cosines"], sines: t["sines"], headWidth));
    }
}
