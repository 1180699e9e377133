using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Testing.Cases;

internal static class LossHeadCases
{
    public static IEnumerable<OpCase> All() =>
    [
        Case(rows: 1, channels: 1, vocabulary: 1, trained: 1, lanes: [0, 1]),
        Case(rows: 2, channels: 7, vocabulary: 2, trained: 1, lanes: [0, 0, 1]),
        Case(rows: 17, channels: 15, vocabulary: 33, trained: 16, lanes: [0, 4, 4, 9, 16]),
        Case(rows: 9, channels: 8, vocabulary: 443, trained: 7, lanes: [0, 3, 7]),
        Case(rows: 3, channels: 2, vocabulary: 1200, trained: 2, lanes: [0, 2]),
        Case(rows: 3, channels: 4, vocabulary: 5, trained: 0, lanes: [0, 0]),
    ];

    private static OpCase Case(int rows, int channels, int vocabulary, int trained, int[] lanes) =>
        OpCase.Of("LossHead", $"{trained} of {rows}x{channels}x{vocabulary}, {lanes.Length - 1} lanes")
        .Input("x", [rows, channels])
        .Input("weight", [vocabulary, channels])
        .Indices("trainedRows", [.. Enumerable.Range(0, trained).Select(m => rows - trained + m)])
        .Indices("labels", [.. Enumerable.Range(0, trained).Select(m => m * 37 % vocabulary)])
        .Indices("lanes", lanes)
        .Statistic("losses", trained)
        .Upstream("scales", of: "losses")
        .Statistic("statisticScales", trained)
        .Gradient("dx", of: "x")
        .GradientSum("dWeightSum", of: "weight")
        .Workspace("workspace", DType.F32, (int)LossHead.WorkspaceElements(trained, channels, vocabulary))
        .OnForward(t =>
        {
            Cast.Forward(t.Stream, y: t["statisticScales"], x: t["scales"]);     // upstream gradients have the case's type
            LossHead.Forward(
                t.Stream, losses: t["losses"], x: t["x"], weight: t["weight"], trainedRows: t["trainedRows"], labels: t["labels"],
                workspace: t["workspace"]);
        })
        .OnBackward(t => LossHead.ForwardBackward(
            t.Stream, losses: t["losses"], dx: t["dx"], dWeightSum: t["dWeightSum"], x: t["x"], weight: t["weight"],
            trainedRows: t["trainedRows"], labels: t["labels"], scales: t["statisticScales"], trainedLaneBounds: t["lanes"],
            workspace: t["workspace"]));
}
