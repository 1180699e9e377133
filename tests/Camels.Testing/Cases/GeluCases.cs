using Camels.Kernels.Ops;

namespace Camels.Testing.Cases;

internal static class GeluCases
{
    public static IEnumerable<OpCase> All() =>
        [Case(0, 5, deviation: 1), Case(1, 1, deviation: 1), Case(3, 8, deviation: 30), Case(5, 443, deviation: 4), Case(64, 520, deviation: 1)];

    private static OpCase Case(int rows, int channels, double deviation) => OpCase.Of("Gelu", $"{rows}x{channels}, deviation {deviation}")
        .Input("x", [rows, channels], random => deviation * Numbers.Normal(random))
        .Output("y", rows, channels)
        .Upstream("dy", of: "y")
        .Gradient("dx", of: "x")
        .MayBe("y", "x")
        .MayBe("dx", "dy")
        .OnForward(t => Gelu.Forward(t.Stream, y: t["y"], x: t["x"]))
        .OnBackward(t => Gelu.Backward(t.Stream, dx: t["dx"], dy: t["dy"], x: t["x"]));
}
