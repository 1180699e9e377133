using Camels.Kernels.Ops;

namespace Camels.Testing.Cases;

internal static class MatMulCases
{
    public static IEnumerable<OpCase> All() =>
    [
        Case(rows: 1, channels: 1, outputs: 1, lanes: [0, 1]),
        Case(rows: 2, channels: 15, outputs: 17, lanes: [0, 0, 2]),
        Case(rows: 15, channels: 2, outputs: 16, lanes: [0, 15]),
        Case(rows: 17, channels: 16, outputs: 33, lanes: [0, 9, 9, 12, 17]),
        Case(rows: 9, channels: 7, outputs: 443, lanes: [0, 2, 4, 6, 8, 9, 9, 9, 9]),
        Case(rows: 443, channels: 33, outputs: 2, lanes: [0, 200, 443]),
        Case(rows: 19, channels: 24, outputs: 40, lanes: [0, 9, 19]),
        Case(rows: 8, channels: 443, outputs: 7, lanes: [0, 8]),
        Case(rows: 3, channels: 0, outputs: 2, lanes: [0, 3]),
        Case(rows: 0, channels: 3, outputs: 2, lanes: [0, 0]),
        Case(rows: 2, channels: 3, outputs: 0, lanes: [0, 2]),
        Finished(rows: 1, channels: 1, outputs: 1, Activation.None, hasBias: true, hasResidual: false),
        Finished(rows: 7, channels: 3, outputs: 17, Activation.None, hasBias: false, hasResidual: true),
        Finished(rows: 17, channels: 8, outputs: 40, Activation.Relu, hasBias: true, hasResidual: false),
        Finished(rows: 2, channels: 15, outputs: 443, Activation.Gelu, hasBias: false, hasResidual: false),
        Finished(rows: 35, channels: 7, outputs: 51, Activation.Gelu, hasBias: true, hasResidual: true),
        Finished(rows: 5, channels: 24, outputs: 264, Activation.Relu, hasBias: true, hasResidual: true),
        Finished(rows: 33, channels: 16, outputs: 136, Activation.Gelu, hasBias: true, hasResidual: true),
        Finished(rows: 3, channels: 0, outputs: 9, Activation.Gelu, hasBias: true, hasResidual: true),
        Finished(rows: 33, channels: 16, outputs: 264, Activation.None, hasBias: true, hasResidual: true),    // several tiles on every target
    ];

    // The product with what its epilogue may do.
    private static OpCase Finished(int rows, int channels, int outputs, Activation activation, bool hasBias, bool hasResidual)
    {
        string parts = $"{(hasBias ? ", bias" : "")}{(activation == Activation.None ? "" : $", {activation}")}{(hasResidual ? ", residual" : "")}";
        return OpCase.Of("MatMul", $"{rows}x{channels}x{outputs}{parts}")
            .Input("x", [rows, channels])
            .Input("weight", [outputs, channels])
            .Input("bias", [outputs])
            .Input("residual", [rows, outputs])
            .Output("y", rows, outputs)
            .Output("before", rows, outputs)
            .MayBe("y", "residual")
            .CountingFlops(2.0 * rows * channels * outputs)
            .OnForward(t => MatMul.Forward(t.Stream, y: t["y"], x: t["x"], weight: t["weight"], new Epilogue
            {
                Bias = hasBias ? t["bias"] : default,
                Residual = hasResidual ? t["residual"] : default,
                Activation = activation,
                BeforeActivation = t["before"],
            }));
    }

    private static OpCase Case(int rows, int channels, int outputs, int[] lanes) =>
        OpCase.Of("MatMul", $"{rows}x{channels}x{outputs}, {lanes.Length - 1} lanes")
        .Input("x", [rows, channels])
        .Input("weight", [outputs, channels])
        .Indices("laneBounds", lanes)
        .Output("y", rows, outputs)
        .Statistic("yWide", rows, outputs)
        .Upstream("dy", of: "y")
        .Gradient("dx", of: "x")
        .GradientSum("dWeightSum", of: "weight")
        .CountingFlops(6.0 * rows * channels * outputs)
        .OnForward(t =>
        {
            MatMul.Forward(t.Stream, y: t["y"], x: t["x"], weight: t["weight"]);
            MatMul.Forward(t.Stream, y: t["yWide"], x: t["x"], weight: t["weight"]);
        })
        .OnBackward(t =>
        {
            MatMul.BackwardInput(t.Stream, dx: t["dx"], dy: t["dy"], weight: t["weight"]);
            MatMul.BackwardWeight(t.Stream, dWeightSum: t["dWeightSum"], dy: t["dy"], x: t["x"], laneBounds: t["laneBounds"]);
        });
}
