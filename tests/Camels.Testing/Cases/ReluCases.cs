using Camels.Kernels.Ops;

namespace Camels.Testing.Cases;

internal static class ReluCases
{
    public static IEnumerable<OpCase> All() => [Case(0, 5), Case(1, 1), Case(3, 8), Case(5, 443), Case(64, 520)];

    private static OpCase Case(int rows, int channels) => OpCase.Of("Relu", $"{rows}x{channels}")
        .Input("x", [rows, channels], AwayFromTheKink)
        .Output("y", rows, channels)
        .Upstream("dy", of: "y")
        .Gradient("dx", of: "x")
        .MayBe("y", "x")
        .MayBe("dx", "dy")
        .OnForward(t => Relu.Forward(t.Stream, y: t["y"], x: t["x"]))
        .OnBackward(t => Relu.Backward(t.Stream, dx: t["dx"], dy: t["dy"], x: t["x"]));

    private static double AwayFromTheKink(Random random)
    {
        double x = Numbers.Normal(random);
        return x + (Math.Sign(x) * 0.01);
    }
}
