using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Testing.Cases;

internal static class BlockCodesCases
{
    public static IEnumerable<OpCase> All() => ((int[][])[[0], [1], [7], [3, 443], [BlockCodes.BlockElements], [7, BlockCodes.BlockElements + 1]])
        .SelectMany(extents => new[] { Case(extents, isSigned: true), Case(extents, isSigned: false) });

    private static OpCase Case(int[] extents, bool isSigned)
    {
        int elements = extents.Aggregate((a, b) => a * b);
        return OpCase.Of("BlockCodes", $"{string.Join("x", extents)}{(isSigned ? "" : " without sign")}")
            .WideInput("x", extents, isSigned ? null : random => Math.Pow(Numbers.Normal(random), 2))
            .Indices("codes", new int[(elements + 3) / 4])
            .Statistic("scales", BlockCodes.Blocks(elements))
            .Statistic("y", extents)
            .OnForward(t =>
            {
                Tensor codes = Bytes(t["codes"], extents, elements);
                BlockCodes.Encode(t.Stream, codes: codes, scales: t["scales"], x: t["x"], isSigned);
                BlockCodes.Decode(t.Stream, x: t["y"], codes: codes, scales: t["scales"], isSigned);
            });
    }

    private static Tensor Bytes(Tensor words, int[] extents, int elements) => words.DType == DType.I32 && words.Elements == (elements + 3) / 4
        ? new Tensor(words.Address, DType.U8, new Shape(extents))
        : words;
}
