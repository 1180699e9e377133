using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Testing.Cases;

/// <summary>Reading quantised weights; writing them is held against golden vectors, because a code at a threshold has no tolerance.</summary>
internal static class Nf4Cases
{
    public static IEnumerable<OpCase> All() =>
    [
        Case(rows: 1, columns: 64),
        Case(rows: 37, columns: 29),
        Case(rows: 96, columns: 80),
        Case(rows: 443, columns: 130),
    ];

    private static OpCase Case(int rows, int columns)
    {
        int blocks = Nf4.Blocks((long)rows * columns);
        int codeBytes = Nf4.CodeBytes((long)rows * columns);
        return OpCase.Of("Nf4", $"{rows}x{columns}")
            .Indices("codes", Words(codeBytes))
            .Indices("scales", Words(blocks))
            .WideInput("nestedScales", [Nf4.NestedBlocks(blocks)], random => 0.1 * random.NextDouble())
            .WideInput("offset", [1], random => 1 + random.NextDouble())
            .Statistic("absmax", blocks)
            .Output("y", rows, columns)
            .OnForward(t =>
            {
                Nf4.DequantizeScales(
                    t.Stream, absmax: t["absmax"], scales: Bytes(t["scales"], blocks), nestedScales: t["nestedScales"], offset: t["offset"]);
                Nf4.Dequantize(t.Stream, y: t["y"], codes: Bytes(t["codes"], codeBytes), absmax: t["absmax"]);
            })
            .WithoutFiniteDifferences();
    }

    private static int[] Words(int bytes) => [.. Enumerable.Range(0, (bytes + 3) / 4).Select(i => i * 0x3C6EF372)];

    private static Tensor Bytes(Tensor words, int count) => words.DType == DType.I32 && words.Elements == (count + 3) / 4
        ? new Tensor(words.Address, DType.U8, new Shape(count))
        : words;
}
