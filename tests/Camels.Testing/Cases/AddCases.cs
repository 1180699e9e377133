using Camels.Kernels.Ops;

namespace Camels.Testing.Cases;

internal static class AddCases
{
    public static IEnumerable<OpCase> All() =>
    [
        Case(rows: 0, channels: 5),
        Case(rows: 1, channels: 1),
        Case(rows: 3, channels: 8),
        Case(rows: 5, channels: 443),
        Case(rows: 64, channels: 520),
    ];

    private static OpCase Case(int rows, int channels) => OpCase.Of("Add", $"{rows}x{channels}")
        .Input("x", [rows, channels])
        .Input("residual", [rows, channels])
        .Output("y", rows, channels)
        .MayBe("y", "x")
        .MayBe("y", "residual")
        .OnForward(t => Add.Forward(t.Stream, y: t["y"], x: t["x"], residual: t["residual"]));
}
