using Camels.Kernels.Ops;

namespace Camels.Testing.Cases;

internal static class RmsNormCases
{
    public static IEnumerable<OpCase> All() =>
    [
        Case(rows: 0, channels: 5, lanes: [0, 0, 0]),
        Case(rows: 1, channels: 1, lanes: [0, 1]),
        Case(rows: 2, channels: 7, lanes: [0, 1, 2]),
        Case(rows: 5, channels: 8, lanes: [0, 2, 2, 4, 5]),
        Case(rows: 17, channels: 33, lanes: [0, 9, 17]),
        Case(rows: 64, channels: 443, lanes: [0, 10, 20, 30, 40, 50, 60, 64, 64]),
        Case(rows: 3, channels: 1100, lanes: [0, 1, 3]),
        Case(rows: 2, channels: 8195, lanes: [0, 2]),
        Case(rows: 3, channels: 12_288, lanes: [0, 1, 3]),
    ];

    private static OpCase Case(int rows, int channels, int[] lanes) => OpCase.Of("RmsNorm", $"{rows}x{channels}, {lanes.Length - 1} lanes")
        .Input("x", [rows, channels])
        .Input("weight", [channels])
        .Indices("laneBounds", lanes)
        .Output("y", rows, channels)
        .Statistic("rstd", rows)
        .Upstream("dy", of: "y")
        .Gradient("dx", of: "x")
        .GradientSum("dWeightSum", of: "weight")
        .MayBe("y", "x")
        .MayBe("dx", "dy")
        .OnForward(t => RmsNorm.Forward(t.Stream, y: t["y"], rstd: t["rstd"], x: t["x"], weight: t["weight"], eps: 0.1f))
        .OnBackward(t => RmsNorm.Backward(
            t.Stream, dx: t["dx"], dWeightSum: t["dWeightSum"], dy: t["dy"], x: t["x"], weight: t["weight"], rstd: t["rstd"],
            laneBounds: t["laneBounds"]));
}
