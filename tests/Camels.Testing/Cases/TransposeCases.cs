using Camels.Kernels.Ops;

namespace Camels.Testing.Cases;

internal static class TransposeCases
{
    public static IEnumerable<OpCase> All() =>
        [Case(0, 5), Case(1, 1), Case(1, 9), Case(9, 1), Case(15, 17), Case(16, 16), Case(8, 24), Case(33, 443), Case(160, 96)];

    private static OpCase Case(int rows, int columns) => OpCase.Of("Transpose", $"{rows}x{columns}")
        .Input("x", [rows, columns])
        .Output("y", columns, rows)
        .OnForward(t => Transpose.Forward(t.Stream, y: t["y"], x: t["x"]));
}
