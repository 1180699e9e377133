using Camels.Kernels.Ops;

namespace Camels.Testing.Cases;

internal static class BiasCases
{
    public static IEnumerable<OpCase> All() =>
    [
        Case(rows: 0, channels: 5, lanes: [0, 0, 0]),
        Case(rows: 1, channels: 1, lanes: [0, 1]),
        Case(rows: 3, channels: 7, lanes: [0, 1, 3]),
        Case(rows: 5, channels: 8, lanes: [0, 2, 2, 4, 5]),
        Case(rows: 64, channels: 443, lanes: [0, 10, 20, 30, 40, 50, 60, 64, 64]),
        Case(rows: 3, channels: 4100, lanes: [0, 1, 3]),
    ];

    private static OpCase Case(int rows, int channels, int[] lanes) => OpCase.Of("Bias", $"{rows}x{channels}, {lanes.Length - 1} lanes")
        .Input("x", [rows, channels])
        .Input("bias", [channels])
        .Input("nothing", [rows, 0])
        .Input("weight", [channels, 0])
        .Indices("laneBounds", lanes)
        .Output("y", rows, channels)
        .Upstream("dy", of: "y")
        .GradientSum("dBiasSum", of: "bias")
        .MayBe("y", "x")
        .OnForward(t => MatMul.Forward(
            t.Stream, y: t["y"], x: t["nothing"], weight: t["weight"], new Epilogue { Bias = t["bias"], Residual = t["x"] }))
        .OnBackward(t => Bias.Backward(t.Stream, dBiasSum: t["dBiasSum"], dy: t["dy"], laneBounds: t["laneBounds"]));
}
