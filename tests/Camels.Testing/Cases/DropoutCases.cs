using Camels.Kernels.Ops;

namespace Camels.Testing.Cases;

internal static class DropoutCases
{
    public static IEnumerable<OpCase> All() =>
    [
        Case(rows: 0, channels: 3, share: 0.5),
        Case(rows: 1, channels: 1, share: 0),
        Case(rows: 2, channels: 9, share: 0.3),
        Case(rows: 5, channels: 443, share: 0.9),
    ];

    private static OpCase Case(int rows, int channels, double share)
    {
        const ulong Seed = 0x1234_5678_9ABC_DEF0;
        const float Factor = 1.25f;
        return OpCase.Of("Dropout", $"{rows}x{channels}, {share}")
            .Input("x", [rows, channels])
            .Indices("keys", [.. Enumerable.Range(0, rows).Select(n => (n - 1) * 0x3C6EF372)])
            .Output("y", rows, channels)
            .Upstream("dy", of: "y")
            .Gradient("dx", of: "x")
            .MayBe("y", "x")
            .MayBe("dx", "dy")
            .OnForward(t => Dropout.Forward(t.Stream, y: t["y"], x: t["x"], keys: t["keys"], Seed, share, Factor))
            .OnBackward(t => Dropout.Forward(t.Stream, y: t["dx"], x: t["dy"], keys: t["keys"], Seed, share, Factor));
    }
}
