using Camels.Kernels.Ops;

namespace Camels.Testing.Cases;

internal static class EmbeddingCases
{
    public static IEnumerable<OpCase> All() =>
    [
        Case(vocabulary: 3, channels: 5, ids: [], lanes: [0, 0, 0]),
        Case(vocabulary: 1, channels: 1, ids: [0], lanes: [0, 1]),
        Case(vocabulary: 5, channels: 7, ids: [4, 0, 4, 4], lanes: [0, 1, 4]),
        Case(vocabulary: 3, channels: 8, ids: [2, 2, 2, 2, 0, 2], lanes: [0, 2, 2, 5, 6]),
        Case(vocabulary: 11, channels: 65, ids: Random(rows: 40, vocabulary: 11), lanes: [0, 3, 9, 9, 20, 25, 31, 40, 40]),
        Case(vocabulary: 300, channels: 443, ids: Random(rows: 96, vocabulary: 300), lanes: [0, 50, 96]),
    ];

    private static int[] Random(int rows, int vocabulary)
    {
        Random random = new(rows);
        return [.. Enumerable.Range(0, rows).Select(_ => random.Next(vocabulary))];
    }

    private static OpCase Case(int vocabulary, int channels, int[] ids, int[] lanes)
    {
        int[] order = new int[ids.Length];
        Embedding.SortPositions(ids, order);
        return OpCase.Of("Embedding", $"{ids.Length} of {vocabulary}x{channels}, {lanes.Length - 1} lanes")
            .Input("weight", [vocabulary, channels])
            .Indices("ids", ids)
            .Indices("order", order)
            .Indices("laneBounds", lanes)
            .Output("y", ids.Length, channels)
            .Upstream("dy", of: "y")
            .GradientSum("dWeightSum", of: "weight")
            .OnForward(t => Embedding.Forward(t.Stream, y: t["y"], ids: t["ids"], weight: t["weight"]))
            .OnBackward(t => Embedding.Backward(
                t.Stream, dWeightSum: t["dWeightSum"], dy: t["dy"], ids: t["ids"], order: t["order"], laneBounds: t["laneBounds"]));
    }
}
