using Camels.Kernels.Ops;

namespace Camels.Testing.Cases;

internal static class SumOfSquaresCases
{
    public static IEnumerable<OpCase> All() =>
    [
        Case([0]),
        Case([1]),
        Case([3, 443]),
        Case([SumOfSquares.BlockElements]),
        Case([7, SumOfSquares.BlockElements + 1]),
    ];

    private static OpCase Case(int[] extents) => OpCase.Of("SumOfSquares", string.Join("x", extents))
        .WideInput("x", extents)
        .Statistic("blockSums", SumOfSquares.Blocks(extents.Aggregate((a, b) => a * b)))
        .OnForward(t => SumOfSquares.Forward(t.Stream, blockSums: t["blockSums"], x: t["x"]));
}
