using Camels.Kernels.Ops;

namespace Camels.Testing.Cases;

internal static class LayerNormCases
{
    public static IEnumerable<OpCase> All() =>
    [
        Case(rows: 0, channels: 5, lanes: [0, 0, 0], mean: 0),
        Case(rows: 1, channels: 1, lanes: [0, 1], mean: 0),
        Case(rows: 2, channels: 7, lanes: [0, 1, 2], mean: 0),
        Case(rows: 5, channels: 8, lanes: [0, 2, 2, 4, 5], mean: 10),
        Case(rows: 17, channels: 33, lanes: [0, 9, 17], mean: -3),
        Case(rows: 64, channels: 443, lanes: [0, 10, 20, 30, 40, 50, 60, 64, 64], mean: 1),
        Case(rows: 3, channels: 1100, lanes: [0, 1, 3], mean: 1),
        Case(rows: 2, channels: 6147, lanes: [0, 2], mean: 1),
        Case(rows: 3, channels: 12_288, lanes: [0, 1, 3], mean: 1),
    ];

    private static OpCase Case(int rows, int channels, int[] lanes, double mean) =>
        OpCase.Of("LayerNorm", $"{rows}x{channels}, {lanes.Length - 1} lanes, mean {mean}")
            .Input("x", [rows, channels], random => mean + Numbers.Normal(random))
            .Input("weight", [channels])
            .Input("bias", [channels])
            .Indices("laneBounds", lanes)
            .Output("y", rows, channels)
            .Statistic("mean", rows)
            .Statistic("rstd", rows)
            .Upstream("dy", of: "y")
            .Gradient("dx", of: "x")
            .GradientSum("dWeightSum", of: "weight")
            .GradientSum("dBiasSum", of: "bias")
            .MayBe("y", "x")
            .MayBe("dx", "dy")
            .OnForward(t => LayerNorm.Forward(
                t.Stream, y: t["y"], mean: t["mean"], rstd: t["rstd"], x: t["x"], weight: t["weight"], bias: t["bias"], eps: 0.1f))
            .OnBackward(t => LayerNorm.Backward(
                t.Stream, dx: t["dx"], dWeightSum: t["dWeightSum"], dBiasSum: t["dBiasSum"], dy: t["dy"], x: t["x"], weight: t["weight"],
                mean: t["mean"], rstd: t["rstd"], laneBounds: t["laneBounds"]));
}
