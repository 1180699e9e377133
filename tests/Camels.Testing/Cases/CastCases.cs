using Camels.Kernels.Ops;

namespace Camels.Testing.Cases;

internal static class CastCases
{
    public static IEnumerable<OpCase> All() => ((int[][])[[0, 3], [1], [7], [3, 443], [4, 11, 480]]).SelectMany(extents => new[]
    {
        OpCase.Of("Cast", $"{string.Join("x", extents)} to narrow")
            .WideInput("x", extents)
            .Output("y", extents)
            .OnForward(t => Cast.Forward(t.Stream, y: t["y"], x: t["x"])),
        OpCase.Of("Cast", $"{string.Join("x", extents)} to wide")
            .Input("x", extents)
            .Statistic("y", extents)
            .OnForward(t => Cast.Forward(t.Stream, y: t["y"], x: t["x"])),
    });
}
