using Camels.Kernels.Ops;

namespace Camels.Testing.Cases;

internal static class SwiGluCases
{
    public static IEnumerable<OpCase> All() =>
    [
        Case(rows: 0, width: 5, deviation: 1),
        Case(rows: 1, width: 1, deviation: 1),
        Case(rows: 2, width: 7, deviation: 1),
        Case(rows: 3, width: 8, deviation: 100),
        Case(rows: 5, width: 443, deviation: 4),
        Case(rows: 64, width: 520, deviation: 1),
    ];

    private static OpCase Case(int rows, int width, double deviation) => OpCase.Of("SwiGlu", $"{rows}x{width}, deviation {deviation}")
        .Input("gated", [rows, width], random => deviation * Numbers.Normal(random))
        .Input("raised", [rows, width])
        .Output("hidden", rows, width)
        .Upstream("dHidden", of: "hidden")
        .Gradient("dGated", of: "gated")
        .Gradient("dRaised", of: "raised")
        .MayBe("dGated", "dHidden")
        .OnForward(t => SwiGlu.Forward(t.Stream, hidden: t["hidden"], gated: t["gated"], raised: t["raised"]))
        .OnBackward(t => SwiGlu.Backward(
            t.Stream, dGated: t["dGated"], dRaised: t["dRaised"], dHidden: t["dHidden"], gated: t["gated"], raised: t["raised"]));
}
